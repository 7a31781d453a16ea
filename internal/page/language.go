package page

import (
	"embed"
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// A language of our pages is one file of texts. A further one is a further file, and its own name below.
//
//go:embed lang/*.json
var langFiles embed.FS

// ownNames are the languages, as their speakers call them, in the order of the switch. The first serves whoever reads none
// of them.
var ownNames = []struct{ code, name string }{
	{"en", "English"},
	{"de", "Deutsch"},
	{"es", "Español"},
	{"fr", "Français"},
	{"it", "Italiano"},
	{"pt-BR", "Português (Brasil)"},
	{"nl", "Nederlands"},
	{"pl", "Polski"},
	{"tr", "Türkçe"},
	{"ru", "Русский"},
	{"ar", "العربية"},
	{"zh-Hans", "简体中文"},
	{"ja", "日本語"},
	{"ko", "한국어"},
	{"id", "Bahasa Indonesia"},
}

// rightToLeft are the languages that are written so.
var rightToLeft = []string{"ar"}

// locale is one language of the pages.
type locale struct {
	code  string
	name  string
	dir   string
	texts map[string]string
}

// text is the text of the key, with its placeholders filled in: pairs of a name and a value.
func (l *locale) text(key string, pairs ...string) string {
	for i := 0; i+1 < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(l.texts[key])
}

var (
	locales = loadLocales()
	matcher = language.NewMatcher(tags())
)

func loadLocales() []*locale {
	list := make([]*locale, len(ownNames))
	for i, own := range ownNames {
		l := &locale{code: own.code, name: own.name, dir: "ltr"}
		if slices.Contains(rightToLeft, own.code) {
			l.dir = "rtl"
		}
		data, err := langFiles.ReadFile(path.Join("lang", own.code+".json"))
		if err == nil {
			err = json.Unmarshal(data, &l.texts)
		}
		if err != nil {
			panic("page: lang/" + own.code + ".json: " + err.Error()) // a fault of the file, which every test would show
		}
		list[i] = l
	}
	return list
}

func tags() []language.Tag {
	list := make([]language.Tag, len(ownNames))
	for i, own := range ownNames {
		list[i] = language.MustParse(own.code)
	}
	return list
}

// maxLanguageBytes bounds what is read of a wish for a language.
const maxLanguageBytes = 256

// localeOf is the language that the request asks for: by ?lang=, or by what the browser says of its reader.
func localeOf(r *http.Request) *locale {
	wishes := []string{r.URL.Query().Get("lang"), r.Header.Get("Accept-Language")}
	for i, wish := range wishes {
		if len(wish) > maxLanguageBytes {
			wishes[i] = ""
		}
	}
	_, index := language.MatchStrings(matcher, wishes...)
	return locales[index]
}
