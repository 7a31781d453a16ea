package page_test

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/page"
)

// luminance is the relative luminance that WCAG 2.2 defines, of a colour such as #0b5c4a.
func luminance(t tester, colour string) float64 {
	t.Helper()
	var r, g, b uint8
	if n, err := fmt.Sscanf(colour, "#%02x%02x%02x", &r, &g, &b); n != 3 || err != nil || len(colour) != 7 {
		t.Fatalf("%q is no colour", colour)
	}
	sum := 0.0
	for i, v := range []uint8{r, g, b} {
		s := float64(v) / 255
		if s <= 0.04045 {
			s /= 12.92
		} else {
			s = math.Pow((s+0.055)/1.055, 2.4)
		}
		sum += s * []float64{0.2126, 0.7152, 0.0722}[i]
	}
	return sum
}

func ratio(t tester, a, b string) float64 {
	t.Helper()
	high, low := luminance(t, a), luminance(t, b)
	return (max(high, low) + 0.05) / (min(high, low) + 0.05)
}

// tester is what a test and a check of rapid have in common.
type tester interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

func checkAccent(t tester, colour string) {
	t.Helper()
	a, ok := page.NewAccent(colour)
	if !ok || a.Fill != colour {
		t.Fatalf("%s: %+v", colour, a)
	}
	for _, pair := range [][3]string{
		{"button", a.OnFill, a.Fill},
		{"button under the pointer", a.OnFill, a.Over},
		{"button in the dark", a.DarkOn, a.DarkFill},
		{"button under the pointer in the dark", a.DarkOn, a.DarkOver},
		{"link", a.Ink, "#ffffff"},
		{"link on grey", a.Ink, "#f3f4f6"},
		{"link in the dark", a.DarkInk, "#1e2226"},
		{"link in the darkest", a.DarkInk, "#000000"},
	} {
		if r := ratio(t, pair[1], pair[2]); r < 4.5 {
			t.Errorf("%s: %s has %.3f:1, %s on %s", colour, pair[0], r, pair[1], pair[2])
		}
	}
	if r := ratio(t, a.OnFill, a.Fill); math.Abs(r-a.Ratio) > 0.051 {
		t.Errorf("%s: told %.1f, is %.3f", colour, a.Ratio, r)
	}
}

// TestAccent: whatever colour a project sets, every text on it and in it can be read.
func TestAccent(t *testing.T) {
	t.Parallel()
	channel := rapid.IntRange(0, 255)
	rapid.Check(t, func(t *rapid.T) {
		checkAccent(t, fmt.Sprintf("#%02x%02x%02x", channel.Draw(t, "red"), channel.Draw(t, "green"), channel.Draw(t, "blue")))
	})
}

// TestAccents: the same of the colours at the edges, where neither white nor black text has much to spare.
func TestAccents(t *testing.T) {
	t.Parallel()
	for _, colour := range []string{"#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#0b5c4a", "#f3f4f6", "#1e2226"} {
		checkAccent(t, colour)
	}
	for grey := range 256 {
		checkAccent(t, fmt.Sprintf("#%02x%02x%02x", grey, grey, grey))
	}
	for _, text := range []string{"", "red", "#fff", "0b5c4a", "#0b5c4", "#gggggg"} {
		if a, ok := page.NewAccent(text); ok {
			t.Errorf("%q is a colour: %+v", text, a)
		}
	}
}
