// Package page serves the pages that people see: the hosted checkout, our hop to a gateway, and the payment page of the
// sandbox gateway (contract §5).
//
// It holds no rules, and no state but pages that it has made before: what a session or an order is and becomes, its backend
// says. Invariant: a page loads nothing but what we serve ourselves, runs no script but ours, is framed by nobody but the
// project's own origins, and hands the secret in its address to nobody.
package page

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"html/template"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

// Backend is what the pages need of the application, beside the sandbox's. Errors are *checkout.Error, with CodeNotFound
// where there is no such thing.
type Backend interface {
	SandboxBackend
	PageLook(ctx context.Context, id checkout.ProjectID) (app.PageLook, error)
	PageLogo(ctx context.Context, id checkout.ProjectID) (checkout.Logo, error)
	OpenCheckout(ctx context.Context, call *checkout.Call, opaque string) (string, *checkout.Order, error)
}

// Pages serves everything that people see.
type Pages struct {
	backend Backend
	log     *slog.Logger
	mux     *http.ServeMux
	cheap   map[string]bool // paths
	shells  shells
}

// New makes the pages.
func New(backend Backend, log *slog.Logger) *Pages {
	p := &Pages{backend: backend, log: log, mux: http.NewServeMux(), cheap: map[string]bool{sandboxStyle.path: true, embedPath: true}}
	p.mux.Handle("/sandbox/", Sandbox(backend, log))
	p.mux.HandleFunc("GET /checkout/{sessionId}", p.shell)
	p.mux.HandleFunc("GET /checkout/{sessionId}/{projectId}", p.shell)
	p.mux.HandleFunc("GET /checkout/{sessionId}/return", p.shell)
	p.mux.HandleFunc("GET /checkout/{sessionId}/{projectId}/return", p.shell)
	p.mux.HandleFunc("GET "+logoPath+"{projectId}/{hash}", p.logo)
	p.mux.HandleFunc("GET "+embedPath, embedScript.serveChecked)
	for _, a := range hostedAssets() {
		p.mux.HandleFunc("GET "+a.path, a.serve)
		p.cheap[a.path] = true
	}
	p.mux.HandleFunc("/", p.unknown)
	return p
}

// Paths are the beginnings of the paths that are its own.
func (*Pages) Paths() []string { return []string{"/checkout/", "/c/", "/sandbox/", embedPath} }

// Cheap tells of what may be asked for without limit: it is the same for all, and costs nothing.
func (p *Pages) Cheap(path string) bool { return p.cheap[path] }

// ServeBusy tells a person that there were too many requests from their address. Retry-After is set already.
func (p *Pages) ServeBusy(w http.ResponseWriter, r *http.Request) {
	showMessage(w, r, message{status: http.StatusTooManyRequests, key: "sandbox_busy", again: true})
}

// ServePage serves one request. The call has the payer's address.
func (p *Pages) ServePage(w http.ResponseWriter, r *http.Request, call *checkout.Call) {
	if opaque, ok := strings.CutPrefix(r.URL.Path, "/c/"); ok {
		p.hop(w, r, call, opaque)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// unknown answers for what is not there, and for other methods than GET: nothing here is written to.
func (p *Pages) unknown(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		showMessage(w, r, message{status: http.StatusMethodNotAllowed, key: "hop_unknown"})
		return
	}
	showMessage(w, r, message{status: http.StatusNotFound, key: "hop_unknown"})
}

// page is a template's data that every page has.
type page struct {
	Lang  string
	Dir   string
	CSS   string
	Icon  string
	T     map[string]string
	Title string
}

func newPage(l *locale, css *static) page {
	return page{Lang: l.code, Dir: l.dir, CSS: css.path, Icon: icon.path, T: l.texts}
}

// render executes the template in whole, so that a failure half-way is no half page.
func render(t *template.Template, data any) []byte {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		panic("page: " + t.Name() + ": " + err.Error()) // a fault of the template, which the tests would show
	}
	return b.Bytes()
}

// static is something that is the same for everyone.
type static struct {
	path  string // with a hash of the content, so that it may be cached for ever
	media string
	plain []byte
	gz    []byte
	etag  string
}

func newStatic(name, extension, media string, plain []byte) *static {
	sum := sha256.Sum256(plain)
	hash := hex.EncodeToString(sum[:8])
	return &static{path: name + "." + hash + extension, media: media, plain: plain, gz: compress(plain), etag: `"` + hash + `"`}
}

// newStyle is a style sheet, behind the colours that all pages share.
func newStyle(name string, css []byte) *static {
	return newStatic(name, ".css", "text/css; charset=utf-8", slices.Concat(coloursCSS, css))
}

// compressors are large to make.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestCompression) // the level is one
	return z
}}

func compress(plain []byte) []byte {
	var b bytes.Buffer
	z, _ := compressors.Get().(*gzip.Writer) // New makes nothing else
	defer compressors.Put(z)
	z.Reset(&b)
	_, _ = z.Write(plain) // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// serve serves it under its hashed name.
func (a *static) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	a.write(w, r)
}

// serveChecked serves it under a name that stays: a cache asks each time whether it has changed. Pages of partners load it.
func (a *static) serveChecked(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "public, no-cache")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Allow-Origin", "*")
	a.write(w, r)
}

func (a *static) write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.media)
	h.Set("X-Content-Type-Options", "nosniff")
	writeBody(w, r, http.StatusOK, a.etag, a.plain, a.gz)
}

// writeBody writes the plain or the compressed form, or 304 to one who has it. An empty etag is none.
func writeBody(w http.ResponseWriter, r *http.Request, status int, etag string, plain, gz []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	body := plain
	if takesGzip(r.Header.Values("Accept-Encoding")) {
		body = gz
		h.Set("Content-Encoding", "gzip")
		etag = strings.TrimSuffix(etag, `"`)
		if etag != "" {
			etag += `-gzip"` // another representation has another strong tag
		}
	}
	if etag != "" {
		h.Set("Etag", etag)
		if hasTag(r.Header.Values("If-None-Match"), etag) {
			h.Del("Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has gone can't be told
}

// takesGzip tells whether the lists of encodings have gzip, not by weight 0.
func takesGzip(lists []string) bool {
	for coding := range strings.SplitSeq(strings.Join(lists, ","), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return strings.Trim(strings.TrimPrefix(weight, "q="), "0.") != "" || weight == ""
		}
	}
	return false
}

// hasTag tells whether the lists of tags, weak or strong, have this one. Ours hold no comma.
func hasTag(lists []string, etag string) bool {
	for tag := range strings.SplitSeq(strings.Join(lists, ","), ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
			return true
		}
	}
	return false
}

// protect sets the headers that every page has.
func protect(h http.Header, policy string) {
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// inlineStyle names one style element to a Content-Security-Policy by its hash.
func inlineStyle(css string) string {
	sum := sha256.Sum256([]byte(css))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
