package ui

import (
	"strings"
	"testing"
)

func TestWholeSentencesInChinese(t *testing.T) {
	for english, want := range map[string]string{
		"":                   "",
		"ADDRESS is missing": "缺少 ADDRESS",
		"--via: port: a number from 1 to 65535 was expected":                                                                                         "--via：端口：应为 1 到 65535",
		"--heartbeat: \"foo\" is not known; there are echo, line, none":                                                                              "--heartbeat：没有 \"foo\"；有 echo, line, none",
		"\"a: b\": expected host:port, an IPv6 address in brackets":                                                                                  "\"a: b\"：应为 主机:端口，IPv6 地址加方括号",
		"/home/me/holdfast.toml:3:1: target.adress: unknown key; did you mean \"address\"?\nf:1:1: demo: true or false was expected, without quotes": "/home/me/holdfast.toml:3:1: target.adress：没有这个键；是否指 \"address\"？\nf:1:1: demo：应为 true 或 false，不加引号",
		"Holdfast is already running, and its window could not be opened: connection refused":                                                        "Holdfast 已在运行，但无法打开它的窗口：连接被拒绝",
		"waiting for clients: listen tcp 127.0.0.1:7000: bind: address already in use":                                                               "等待客户端：监听 127.0.0.1:7000：绑定地址：地址已被占用",
		"save /h/holdfast.toml: no space left on device":                                                                                             "保存 /h/holdfast.toml：磁盘已满",
		"Holdfast is not running any more (EOF)":                                                                                                     "Holdfast 已不再运行（对方已结束）",
		"what nobody ever said":                                                                                                                      "what nobody ever said",
		"pour x: what is no text":                                                                                                                    "pour x: what is no text",
		"nobody said (this)":                                                                                                                         "nobody said (this)",
		"has {nonce} more than once":                                                                                                                 "有不止一个 {nonce}",
		// What is put together of parts has to be right as a whole.
		"the window ended: exit status 2; it said:":                                                            "窗口结束了：退出状态 2；它说：",
		"the session was reset (by the proxy, or beyond it)":                                                   "连接被重置（由代理或其后的一方）",
		"the session was closed in order (by the proxy, or beyond it)":                                         "连接正常关闭（由代理或其后的一方）",
		"connected; no heartbeat is set, the kernel's keepalive is watched":                                    "已连接；未设心跳，依靠内核的 TCP 保活",
		"connected; no heartbeat is set, the kernel's keepalive is watched, which reaches as far as the proxy": "已连接；未设心跳，依靠内核的 TCP 保活，只到代理为止",
		"answers (ttl 1)": "有应答（TTL 1）",
		"the proxy says 407 Proxy Authentication Required": "代理说：407 Proxy Authentication Required",
		"the proxy says host unreachable (SOCKS reply 4)":  "代理说：主机不可达（SOCKS 应答 4）",
		"was reset after 3.0 s, 1 heartbeat":               "被重置，历时 3.0 秒，1 次心跳",
	} {
		if got := Chinese.Error(english); got != want {
			t.Errorf("%q:\n got %q\nwant %q", english, got, want)
		}
		if got := English.Error(english); got != english {
			t.Errorf("%q became %q in English", english, got)
		}
	}
	long := strings.Repeat("a: ", 1<<15)
	if got := Chinese.Error(long); got != long {
		t.Error("a long text was changed")
	}
}

// What comes from files and peers may stand in an error: whatever it is, the text ends up no longer than it must be, soon.
func FuzzErrorsInChinese(f *testing.F) {
	for _, s := range []string{"{a} is missing", "f:1:2: x: y", strings.Repeat(": ", 100), "Holdfast is not running ({a} ({b}))", "no command \"{a}\"; did you mean \"{b}\"?"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got := Chinese.Error(s); len(got) > 4*len(s)+400 {
			t.Errorf("%q became %q", s, got)
		}
	})
}
