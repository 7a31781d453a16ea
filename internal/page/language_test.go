package page_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// codes are the languages, each a file.
func codes(t *testing.T) (list []string) {
	t.Helper()
	files, err := filepath.Glob("lang/*.json")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d languages: %v", len(files), err)
	}
	for _, file := range files {
		list = append(list, strings.TrimSuffix(filepath.Base(file), ".json"))
	}
	return list
}

func texts(t *testing.T, code string) map[string]string {
	t.Helper()
	data, err := os.ReadFile("lang/" + code + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]string
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	return all
}

func sameTexts(t *testing.T, table string, want map[string]string) bool {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal([]byte(table), &got); err != nil {
		t.Error(err)
	}
	return maps.Equal(got, want)
}

var (
	placeholder = regexp.MustCompile(`\{[^}]*\}`)
	keyForm     = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*$`)
	keyLine     = regexp.MustCompile(`(?m)^\s*"([^"]+)":`)
)

// TestTexts: every language has exactly the English keys with their placeholders, and something to say for each.
func TestTexts(t *testing.T) {
	t.Parallel()
	english := texts(t, "en")
	for _, code := range codes(t) {
		own := texts(t, code)
		for key := range english {
			if _, there := own[key]; !there {
				t.Errorf("%s lacks %s", code, key)
			}
		}
		for key, text := range own {
			master, there := english[key]
			switch {
			case !there || !keyForm.MatchString(key):
				t.Errorf("%s has %s", code, key)
			case strings.TrimSpace(text) == "" || strings.TrimSpace(text) != text || strings.ContainsAny(text, "<>\n\t\u2028\u2029"):
				t.Errorf("%s: %s is %q", code, key, text)
			}
			want, got := placeholder.FindAllString(master, -1), placeholder.FindAllString(text, -1)
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(slices.Compact(want), slices.Compact(got)) || strings.Count(text, "{") != strings.Count(text, "}") {
				t.Errorf("%s: %s has the placeholders %q, want %q", code, key, got, want)
			}
		}
		data, _ := os.ReadFile("lang/" + code + ".json") // texts has read it
		if n := len(keyLine.FindAll(data, -1)); n != len(own) {
			t.Errorf("%s: %d lines for %d keys: one stands there twice", code, n, len(own))
		}
	}
}

// TestNegotiation: the language is the one forced, else the first that the reader wants and we have, else English.
func TestNegotiation(t *testing.T) {
	t.Parallel()
	s := serve(t, newHost())
	long := strings.Repeat("de-AT,", 20000)
	for _, c := range []struct{ forced, wanted, code string }{
		{"", "", "en"},
		{"", "de", "de"},
		{"", "de-AT", "de"},
		{"", "de-CH-1996", "de"},
		{"", "DE_at", "de"},
		{"", "pt", "pt-BR"},
		{"", "pt-BR", "pt-BR"},
		{"", "pt-PT", "pt-BR"},
		{"", "zh-CN", "zh-Hans"},
		{"", "zh", "zh-Hans"},
		{"", "zh-SG", "zh-Hans"},
		{"", "zh-Hans-CN", "zh-Hans"},
		{"", "es-419", "es"},
		{"", "fr-CA,en;q=0.5", "fr"},
		{"", "nl-BE", "nl"},
		{"", "ar-EG", "ar"},
		{"", "in", "id"},
		{"", "ja-JP", "ja"},
		{"", "en-GB,de;q=0.9", "en"},
		{"", "sv,de;q=0.9", "de"},
		{"", "de;q=0.5,fr;q=0.8", "fr"},
		{"", "*", "en"},
		{"", "de;q=0,fr", "fr"},
		{"", "iw", "en"},
		{"", "iw,ko;q=0.3", "ko"},
		{"", "garbage", "en"},
		{"", "!!!,de", "en"},
		{"", "x-klingon, it", "it"},
		{"", "uk", "en"},
		{"", "uk-UA,uk;q=0.9,ru;q=0.8", "ru"},
		{"", "uk,de;q=0.5", "de"},
		{"", "ca", "en"},
		{"", "sv", "en"},
		{"", "no", "en"},
		{"de", "fr", "de"},
		{"DE", "fr", "de"},
		{"pt", "fr", "pt-BR"},
		{"zh-Hans", "fr", "zh-Hans"},
		{"xx", "fr", "fr"},
		{"garbage!", "fr", "fr"},
		{"", long, "en"},
	} {
		target := "/elsewhere?lang=" + c.forced
		r := s.get(target, "Accept-Language", c.wanted)
		dir := "ltr"
		if c.code == "ar" {
			dir = "rtl"
		}
		want := `<html lang="` + c.code + `" dir="` + dir + `">`
		if r.status != http.StatusNotFound || !strings.Contains(string(r.body), want) {
			t.Errorf("?lang=%s, wanted %.40q: %d, want %s: %.80s", c.forced, c.wanted, r.status, want, r.body)
		}
	}
	for _, forced := range []string{strings.Repeat("de,", 20000), "%00", "%ff", "%zz", strings.Repeat("a-", 120)} {
		if r := s.get("/elsewhere?lang="+forced, "Accept-Language", "fr"); r.status != http.StatusNotFound || !strings.Contains(string(r.body), `<html lang="fr"`) {
			t.Errorf("?lang=%.20s: %d %.80s", forced, r.status, r.body)
		}
	}
	for _, taiwan := range []string{"zh-TW", "zh-Hant", "zh-HK"} { // who reads neither has English rather than a guess
		if r := s.get("/elsewhere", "Accept-Language", taiwan); !strings.Contains(string(r.body), `<html lang="zh-Hans"`) && !strings.Contains(string(r.body), `<html lang="en"`) {
			t.Errorf("%s: %.80s", taiwan, r.body)
		}
	}
}
