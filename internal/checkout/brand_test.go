package checkout_test

import (
	"strings"
	"testing"

	"github.com/sliproad/sliproad/internal/checkout"
)

// TestBrandName: a name is one line of text.
func TestBrandName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x", "Müller & Söhne", `<b>"quoted"</b>`, "ショップ 1", strings.Repeat("é", 60)} {
		if err := checkout.CheckBrandName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", " ", " x", "x ", "a\nb", "a\tb", "a\x00b", "a\x1bb", "a\x7fb", "a\u0085b", "a\u2028b", "a\xffb", strings.Repeat("é", 61)} {
		if checkout.CheckBrandName(name) == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestParseAccent(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#0b5c4a": "#0b5c4a", "#0B5C4A": "#0b5c4a", "": "", "#fff": "", "0b5c4a": "", "red": "", "#0b5c4aff": "", "#0b5c4g": "", " #0b5c4a": "", "#0b5c4a\n": "",
		"#0b5c4a;}": "",
	} {
		if got, err := checkout.ParseAccent(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

// TestParseLogo: what an image is, its bytes say.
func TestParseLogo(t *testing.T) {
	t.Parallel()
	const svg = `<svg xmlns="http://www.w3.org/2000/svg"/>`
	big := func(n int) string { return "\x89PNG\r\n\x1a\n" + strings.Repeat("x", n-8) }
	seen := map[string]bool{}
	for image, want := range map[string]string{
		"\x89PNG\r\n\x1a\n...": "image/png", "\xff\xd8\xff\xe0...": "image/jpeg", "RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp", svg: "image/svg+xml",
		"\ufeff\n " + svg: "image/svg+xml", `<?xml version="1.0"?><!DOCTYPE svg>` + svg: "image/svg+xml", big(64 << 10): "image/png",
		"": "", "GIF89a": "", "RIFF\x00\x00\x00\x00WAVEfmt ": "", "RIFF": "", "<html>" + svg: "", `<?xml version="1.0"?><html/>`: "", svg + "\xff": "",
		"svg": "", big(64<<10 + 1): "",
	} {
		logo, err := checkout.ParseLogo([]byte(image))
		if (err == nil) != (want != "") || logo.Type != want || string(logo.Bytes) != image && want != "" {
			t.Errorf("%.40q: %s, %v", image, logo.Type, err)
		}
		if want != "" && (len(logo.Hash) != 16 || seen[logo.Hash]) {
			t.Errorf("%.40q: its hash is %q", image, logo.Hash)
		}
		seen[logo.Hash] = true
	}
}
