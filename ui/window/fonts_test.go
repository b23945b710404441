package window

import (
	"fmt"
	"testing"
)

func TestChineseVars(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want string
	}{
		"English":                    {map[string]string{"LANG": "en_GB.UTF-8"}, "map[LANGUAGE:zh_CN]"},
		"English with a list":        {map[string]string{"LANG": "en_GB.UTF-8", "LANGUAGE": "en_GB:de"}, "map[LANGUAGE:zh_CN]"},
		"no language":                {map[string]string{"LANG": "C.UTF-8"}, "map[LANGUAGE:zh_CN]"},
		"nothing":                    {nil, "map[LANGUAGE:zh_CN LC_MESSAGES:C.UTF-8]"},
		"the C locale":               {map[string]string{"LANG": "C"}, "map[LANGUAGE:zh_CN LC_MESSAGES:C.UTF-8]"},
		"the C locale above all":     {map[string]string{"LC_ALL": "C", "LANG": "en_GB.UTF-8"}, "map[]"},
		"Chinese":                    {map[string]string{"LANG": "zh_CN.UTF-8"}, "map[]"},
		"Japanese":                   {map[string]string{"LC_ALL": "ja_JP.UTF-8", "LANG": "en_GB.UTF-8"}, "map[]"},
		"Chinese as a person wishes": {map[string]string{"LANG": "en_GB.UTF-8", "LANGUAGE": "zh_TW:en"}, "map[]"},
		"English on Chinese":         {map[string]string{"LANG": "zh_CN.UTF-8", "LANGUAGE": "en"}, "map[LANGUAGE:zh_CN]"},
	} {
		if got := fmt.Sprint(chineseVars(func(key string) string { return c.env[key] })); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
