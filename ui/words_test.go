package ui

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"holdfast/assets"
	"holdfast/monitor"
	"holdfast/netcheck"
)

// causes is every cause that may be shown.
var causes = netcheck.Causes()

var placeholder = regexp.MustCompile(`\{[a-z0-9]+\}`)

func holders(s string) []string {
	found := placeholder.FindAllString(s, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func han(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.Is(unicode.Han, r) })
}

func TestTheTableOfWordsIsWhole(t *testing.T) {
	seen := map[string]bool{}
	for n, line := range strings.Split(strings.TrimSuffix(string(assets.Words()), "\n"), "\n") {
		column := strings.Split(line, "\t")
		if len(column) != 5 {
			t.Errorf("line %d has %d columns, want 5: %q", n+1, len(column), line)
			continue
		}
		if n == 0 {
			continue
		}
		code := column[0]
		if seen[code] {
			t.Errorf("line %d: %s stands twice", n+1, code)
		}
		seen[code] = true
		for i, text := range column {
			if text != strings.TrimSpace(text) && !slices.Contains([]string{"comma", "clause", "colon", "path.space", "root.more"}, code) {
				t.Errorf("%s: column %d has space around it", code, i+1)
			}
			for _, h := range strings.ReplaceAll(placeholder.ReplaceAllString(text, ""), "'}'", "") {
				if h == '{' || h == '}' {
					t.Errorf("%s: a stray brace in %q", code, text)
				}
			}
		}
		if column[1] == "" || column[3] == "" {
			t.Errorf("%s: a language is missing", code)
		}
		if (column[2] == "") != (column[4] == "") {
			t.Errorf("%s: only one language has the second text", code)
		}
		if en, zh := holders(column[1]), holders(column[3]); !slices.Equal(en, zh) {
			t.Errorf("%s: placeholders differ: %v and %v", code, en, zh)
		}
		if en, zh := holders(column[2]), holders(column[4]); !slices.Equal(en, zh) {
			t.Errorf("%s: placeholders of the second text differ: %v and %v", code, en, zh)
		}
		if han(column[1]+column[2]) && code != "menu.language" && code != "settings.language.zh" { // languages are called what they call themselves
			t.Errorf("%s: Chinese in the English columns", code)
		}
	}
}

func TestEveryCauseHasASentenceARemedyAndAShortWord(t *testing.T) {
	snapshot := monitor.Snapshot{Target: monitor.Target{Name: "Office", Address: "gate.example.net:7000"}}
	behind := snapshot
	behind.Proxy = "http://proxy.example.net:3128"
	for _, l := range []Lang{English, Chinese} {
		for i, c := range append(causes, causes...) {
			s := snapshot
			if i >= len(causes) {
				s = behind
			}
			got := Explain(netcheck.Verdict{Cause: c, Hop: c.Hop(), Interface: "eth0"}, s, l)
			for _, text := range []string{got.Sentence, got.Remedy, got.Short} {
				if text == "" || strings.Contains(text, "{") || strings.Contains(text, "-") && strings.Contains(text, string(c)) || strings.Contains(text, "  ") {
					t.Errorf("%s %s: %q", l, c, text)
				}
			}
			if strings.HasSuffix(got.Sentence, ".") || strings.HasSuffix(got.Sentence, "。") {
				t.Errorf("%s %s: a heading ends in a full stop: %q", l, c, got.Sentence)
			}
			if l == Chinese && !han(got.Sentence) {
				t.Errorf("%s is not Chinese: %q", c, got.Sentence)
			}
		}
	}
}

func TestWhatIsNotKnownLeavesNoHole(t *testing.T) {
	for _, c := range []netcheck.Cause{netcheck.CableUnplugged, netcheck.GatewayUnreachable, netcheck.ProxyRefused} {
		for l, want := range map[Lang]map[netcheck.Cause]string{
			English: {
				netcheck.CableUnplugged:     "No cable signal on the network adapter",
				netcheck.GatewayUnreachable: "The gateway does not answer",
				netcheck.ProxyRefused:       "The proxy refuses connections",
			},
			Chinese: {
				netcheck.CableUnplugged:     "网卡 没有网线信号",
				netcheck.GatewayUnreachable: "网关 没有应答",
				netcheck.ProxyRefused:       "代理拒绝连接",
			},
		} {
			if got := Explain(netcheck.Verdict{Cause: c}, monitor.Snapshot{}, l).Sentence; got != want[c] {
				t.Errorf("%s %s: %q, want %q", l, c, got, want[c])
			}
		}
	}
	if got := Explain(netcheck.Verdict{Cause: netcheck.InterfaceGone}, monitor.Snapshot{}, English).Sentence; got != "The network adapter is gone" {
		t.Errorf("a sentence begins %q", got)
	}
	if got := Explain(netcheck.Verdict{Cause: "solar-\x1b[31mflare"}, monitor.Snapshot{}, English); got.Sentence != `Broken: solar-\x1b[31mflare` || got.Short == "" {
		t.Errorf("a cause of a newer version: %+v", got)
	}
}

func TestLangOfTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name string
		env  map[string]string
		want Lang
	}{
		{"nothing set", nil, English},
		{"plain Chinese", map[string]string{"LANG": "zh_CN.UTF-8"}, Chinese},
		{"Taiwan reads it too", map[string]string{"LANG": "zh_TW.UTF-8"}, Chinese},
		{"LC_ALL beats LANG", map[string]string{"LANG": "zh_CN.UTF-8", "LC_ALL": "en_GB.UTF-8"}, English},
		{"LC_MESSAGES beats LANG", map[string]string{"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN"}, Chinese},
		{"LANGUAGE beats LC_ALL", map[string]string{"LC_ALL": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, Chinese},
		{"LANGUAGE in order", map[string]string{"LANG": "zh_CN.UTF-8", "LANGUAGE": "de:en:zh"}, English},
		{"no LANGUAGE in the C locale", map[string]string{"LANG": "C.UTF-8", "LANGUAGE": "zh"}, English},
		{"another language", map[string]string{"LANG": "fr_FR.UTF-8"}, English},
	} {
		if got := LangOf(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// As Windows names locales, and Unix.
func TestTheFirstLanguageThatIsThere(t *testing.T) {
	for _, c := range []struct {
		list []string
		want Lang
	}{
		{nil, English},
		{[]string{"zh-Hans-CN", "en-US"}, Chinese},
		{[]string{"de-DE", "zh-TW"}, Chinese},
		{[]string{"en-GB", "zh-CN"}, English},
		{[]string{"ZH"}, Chinese},
		{[]string{"", "fr-FR"}, English},
	} {
		if got := firstOf(c.list); got != c.want {
			t.Errorf("%q: %s, want %s", c.list, got, c.want)
		}
	}
}

func TestWhatIsFilledInIsNotLookedAtAgain(t *testing.T) {
	if got := English.Say("note.broken", "name", "{name}{sentence}"); got != "{name}{sentence} is broken" {
		t.Errorf("got %q", got)
	}
	if got := English.Say("no.such.code"); got != "no.such.code" {
		t.Errorf("an unknown code came back as %q", got)
	}
}

func TestTheDemoIsCalledInTheLanguageOfTheReader(t *testing.T) {
	for _, c := range []struct{ name, english, chinese string }{
		{DemoName(), "Demo server (built in)", "演示服务器（内置）"},
		{DemoName() + " 2", "Demo server (built in) 2", "演示服务器（内置） 2"},
		{"演示服务器（内置）", "Demo server (built in)", "演示服务器（内置）"}, // of an older version, in the history
		{DemoName() + " of mine", "Demo server (built in) of mine", "Demo server (built in) of mine"},
		{"Office\x1b", `Office\x1b`, `Office\x1b`},
	} {
		if got := Called(c.name, English, 80); got != c.english {
			t.Errorf("%q is called %q, want %q", c.name, got, c.english)
		}
		if got := Called(c.name, Chinese, 80); got != c.chinese {
			t.Errorf("%q is called %q in Chinese, want %q", c.name, got, c.chinese)
		}
	}
	for shown, want := range map[string]string{"演示服务器（内置）": DemoName(), "演示服务器（内置） 2": DemoName() + " 2", "办公室": "办公室", DemoName(): DemoName()} {
		if got := Named(shown); got != want {
			t.Errorf("%q names %q, want %q", shown, got, want)
		}
	}
}
