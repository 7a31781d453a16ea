package page

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

// The hosted checkout is one static page for all sessions of a project: its script reads the session, whose secret stays in
// the fragment, through the routes below /public/v1/checkouts.
var (
	//go:embed assets/checkout.html
	checkoutHTML string
	//go:embed assets/checkout.css
	checkoutCSS []byte
	//go:embed assets/colours.css
	coloursCSS []byte
	//go:embed assets/js/*.js
	scriptFiles embed.FS
	//go:embed assets/sliproad.js
	embedJS []byte
	//go:embed assets/icon.svg
	iconSVG []byte
)

const (
	assetsPath = "/checkout/assets/"
	logoPath   = assetsPath + "logo/"
	embedPath  = "/sliproad.js" // in partners' pages
)

var (
	checkoutPage  = template.Must(template.New("checkout.html").Parse(checkoutHTML))
	checkoutStyle = newStyle(assetsPath+"checkout", checkoutCSS)
	icon          = newStatic(assetsPath+"icon", ".svg", "image/svg+xml", iconSVG)
	embedScript   = newStatic("/sliproad", ".js", "text/javascript; charset=utf-8", embedJS)
)

// scripts are the page's script in each language, by its code: the texts of the language, and then our files in the order of
// their names. One request instead of many is what a slow connection wants.
var scripts = sync.OnceValue(func() map[string]*static {
	names, _ := fs.Glob(scriptFiles, "assets/js/*.js") // sorted; the pattern is well formed
	var code strings.Builder
	for _, name := range names {
		text, _ := scriptFiles.ReadFile(name) // it was just listed
		code.Write(text)
		code.WriteByte('\n')
	}
	bundles := map[string]*static{}
	for _, l := range locales {
		texts := maps.Clone(l.texts)
		maps.DeleteFunc(texts, func(key, _ string) bool {
			return strings.HasPrefix(key, "sandbox_") || strings.HasPrefix(key, "hop_") || strings.HasPrefix(key, "noscript_")
		})
		table, _ := json.Marshal(texts) // strings always marshal; JSON is a part of JavaScript
		text := "const LANG = \"" + l.code + "\", TEXTS = " + string(table) + ";\n" + code.String()
		bundles[l.code] = newStatic(assetsPath+"checkout."+l.code, ".js", "text/javascript; charset=utf-8", []byte(text))
	}
	return bundles
})

func hostedAssets() []*static {
	list := []*static{checkoutStyle, icon}
	for _, l := range locales {
		list = append(list, scripts()[l.code])
	}
	return list
}

// shellData is what checkout.html shows.
type shellData struct {
	page
	JS        string
	Languages []languageChoice
	BrandName string
	BrandCSS  template.CSS
	LogoURL   string
	Test      bool
}

type languageChoice struct {
	Code    string
	Name    string
	Current bool
}

// shell serves the page of a session, or the page that its payer comes back to. It doesn't know whether there is such a
// session: it can't, without the secret.
func (p *Pages) shell(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("sessionId") == "assets" { // one of another version
		p.unknown(w, r)
		return
	}
	l := localeOf(r)
	look := app.PageLook{Project: &checkout.Project{}, Brand: &checkout.Brand{}}
	if id, ok := checkout.ParseUUID(r.PathValue("projectId")); ok {
		known, err := p.backend.PageLook(r.Context(), checkout.ProjectID(id))
		switch {
		case err == nil:
			look = known
		case checkout.CodeOf(err) != checkout.CodeNotFound:
			// The page is of use without its brand: its script tries until the server can answer again.
			p.log.WarnContext(r.Context(), "page without its brand", "err", err)
		}
	}
	made := p.shells.get(l, look)
	h := w.Header()
	protect(h, made.policy)
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	// Kept, but asked about each time: after an upgrade the page must not look for scripts that are gone.
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Accept-Language")
	if len(look.Project.AllowedOrigins) == 0 {
		h.Set("X-Frame-Options", "DENY")
	}
	writeBody(w, r, http.StatusOK, made.etag, made.plain, made.gz)
}

// madeShell is a page as it goes out, again and again.
type madeShell struct {
	policy    string
	etag      string
	plain, gz []byte
}

// shells keeps the pages that were made, by all that is on them.
type shells struct {
	mu   sync.Mutex
	made map[string]*madeShell
}

// maxShells bounds what is kept: 15 languages of some hundred projects, a few megabytes.
const maxShells = 2048

func (s *shells) get(l *locale, look app.PageLook) *madeShell {
	key := strings.Join(append([]string{
		l.code, string(look.Project.ID), string(look.Project.Mode), look.Brand.Name, look.Brand.Accent, look.Brand.Logo.Hash,
	}, look.Project.AllowedOrigins...), "\x00")
	s.mu.Lock()
	made, ok := s.made[key]
	s.mu.Unlock()
	if ok {
		return made
	}
	made = makeShell(l, look)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.made) >= maxShells || s.made == nil {
		s.made = map[string]*madeShell{} // those in use are soon there again
	}
	s.made[key] = made
	return made
}

func makeShell(l *locale, look app.PageLook) *madeShell {
	data := shellData{
		page: newPage(l, checkoutStyle), JS: scripts()[l.code].path, BrandName: look.Brand.Name, Test: look.Project.Mode == checkout.ModeTest,
	}
	for _, one := range locales {
		data.Languages = append(data.Languages, languageChoice{one.code, one.name, one == l})
	}
	if accent, ok := NewAccent(look.Brand.Accent); ok {
		data.BrandCSS = template.CSS(accent.css()) //nolint:gosec // G203: made of colours
	}
	if look.Brand.Logo.Type != "" {
		data.LogoURL = logoPath + string(look.Project.ID) + "/" + look.Brand.Logo.Hash
	}
	body, policy := render(checkoutPage, data), shellPolicy(look.Project.AllowedOrigins, string(data.BrandCSS))
	sum := sha256.Sum256(slices.Concat(body, []byte(policy)))
	return &madeShell{policy: policy, etag: `"` + hex.EncodeToString(sum[:8]) + `"`, plain: body, gz: compress(body)}
}

// shellPolicy is the page's Content-Security-Policy. Only the origins that the project lists may frame it.
func shellPolicy(origins []string, brandCSS string) string {
	ancestors := "'none'"
	var plain []string
	for _, origin := range origins {
		if u, err := url.Parse(origin); err == nil && web(u) && plainHost.MatchString(u.Host) && origin == u.Scheme+"://"+u.Host {
			plain = append(plain, origin)
		}
	}
	if len(plain) > 0 {
		ancestors = strings.Join(plain, " ")
	}
	style := "'self'"
	if brandCSS != "" {
		style += " " + inlineStyle(brandCSS)
	}
	return "default-src 'none'; script-src 'self'; style-src " + style + "; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
		"form-action 'none'; frame-ancestors " + ancestors + "; require-trusted-types-for 'script'; trusted-types 'none'"
}

// logo serves a project's logo under the name of its content.
func (p *Pages) logo(w http.ResponseWriter, r *http.Request) {
	id, _ := checkout.ParseUUID(r.PathValue("projectId"))
	logo, err := p.backend.PageLogo(r.Context(), checkout.ProjectID(id))
	if err != nil || logo.Hash != r.PathValue("hash") {
		p.unknown(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", logo.Type)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	// An SVG that somebody opens by itself must not run anything.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	writeBody(w, r, http.StatusOK, `"`+logo.Hash+`"`, logo.Bytes, compress(logo.Bytes))
}
