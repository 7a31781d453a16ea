package checkout

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a brand.
const (
	MaxBrandNameChars = 60
	MaxLogoBytes      = 64 << 10 // the page is for bad phone connections
)

// Brand is how a project's hosted page looks. The zero value is ours.
type Brand struct {
	ProjectID ProjectID
	Name      string // empty: the page names nobody
	Accent    string // "#rrggbb" in lower case; empty: ours
	Logo      Logo
}

// Logo is an image. The zero value is none.
type Logo struct {
	Type  string // its media type
	Hash  string // of its bytes, in hex; it names the image, so that it may be cached for ever
	Bytes []byte // nil where only the image's name was read
}

var accentForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// CheckBrandName tells whether the name can stand on a page: nil, or what is wrong.
func CheckBrandName(name string) error {
	n := utf8.RuneCountInString(name)
	if n == 0 || n > MaxBrandNameChars || !Storable(name) || strings.ContainsFunc(name, breaksLine) || strings.TrimSpace(name) != name {
		return brandError("must have 1 to 60 characters, on one line, without space around them")
	}
	return nil
}

func breaksLine(r rune) bool { return unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp) }

// ParseAccent reads a colour such as #0B5C4A.
func ParseAccent(text string) (string, error) {
	accent := strings.ToLower(text)
	if !accentForm.MatchString(accent) {
		return "", brandError("must be a colour such as #0b5c4a")
	}
	return accent, nil
}

// logoForms are the images that browsers show and what their files begin with. What a file is called says nothing.
var logoForms = []struct{ begins, media string }{
	{"\x89PNG\r\n\x1a\n", "image/png"},
	{"\xff\xd8\xff", "image/jpeg"},
	{"RIFF", "image/webp"},
}

// ParseLogo tells what kind of image the bytes are: PNG, JPEG, WebP or SVG.
func ParseLogo(image []byte) (Logo, error) {
	if len(image) == 0 || len(image) > MaxLogoBytes {
		return Logo{}, brandError("must be an image of at most 64 KiB, because payers load it on bad connections")
	}
	sum := sha256.Sum256(image)
	logo := Logo{Hash: hex.EncodeToString(sum[:8]), Bytes: image}
	text := string(image)
	for _, form := range logoForms {
		if strings.HasPrefix(text, form.begins) && (form.media != "image/webp" || len(text) > 12 && text[8:12] == "WEBP") {
			logo.Type = form.media
			return logo, nil
		}
	}
	head := strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if (strings.HasPrefix(head, "<svg") || strings.HasPrefix(head, "<?xml")) && strings.Contains(head, "<svg") && utf8.ValidString(head) {
		logo.Type = "image/svg+xml"
		return logo, nil
	}
	return Logo{}, brandError("must be a PNG, JPEG, WebP or SVG image")
}

type brandError string

func (e brandError) Error() string { return string(e) }
