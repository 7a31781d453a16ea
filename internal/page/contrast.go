package page

import (
	"fmt"
	"math"
)

// colour is an sRGB colour.
type colour struct{ r, g, b uint8 }

// parseColour reads "#rrggbb".
func parseColour(text string) (c colour, ok bool) {
	n, err := fmt.Sscanf(text, "#%02x%02x%02x", &c.r, &c.g, &c.b)
	return c, err == nil && n == 3 && len(text) == 7
}

func (c colour) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// luminance is the relative luminance of WCAG 2.2.
func (c colour) luminance() float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is the contrast ratio of WCAG 2.2, from 1 to 21.
func contrast(a, b colour) float64 {
	high, low := a.luminance(), b.luminance()
	if high < low {
		high, low = low, high
	}
	return (high + 0.05) / (low + 0.05)
}

// mix is so much of the way from c to the other colour, in hundredths.
func (c colour) mix(to colour, percent int) colour {
	blend := func(a, b uint8) uint8 { return uint8((int(a)*(100-percent) + int(b)*percent + 50) / 100) }
	return colour{blend(c.r, to.r), blend(c.g, to.g), blend(c.b, to.b)}
}

// readable moves the colour towards the other one, as little as it takes to be text on the ground.
func (c colour) readable(ground, towards colour) colour {
	for percent := range 101 {
		if mixed := c.mix(towards, percent); contrast(mixed, ground) >= textContrast {
			return mixed
		}
	}
	return towards
}

// textContrast is what WCAG 2.2 AA asks of text.
const textContrast = 4.5

// The grounds of checkout.css that accents stand on, by theme: the one that is harder to read on.
var (
	white       = colour{0xff, 0xff, 0xff}
	black       = colour{0, 0, 0} // any lighter, and there are colours on which neither it nor white can be read
	lightGround = colour{0xf3, 0xf4, 0xf6}
	darkGround  = colour{0x1e, 0x22, 0x26}
)

// Accent is a project's colour as its pages use it. Whatever the colour, all text can be read.
type Accent struct {
	Fill     string // of the main button
	Over     string // of it, under the pointer
	OnFill   string // text on both
	Ink      string // text and outlines in the colour, on a light ground
	DarkFill string
	DarkOver string
	DarkOn   string
	DarkInk  string
	Ratio    float64 // of OnFill to Fill
}

// NewAccent derives the accent from a colour such as #0b5c4a; ok is false where it is none.
func NewAccent(text string) (a Accent, ok bool) {
	c, ok := parseColour(text)
	if !ok {
		return Accent{}, false
	}
	fill := func(c colour) (on, over colour) {
		on, away := white, black
		if contrast(black, c) > contrast(white, c) {
			on, away = black, white
		}
		return on, c.mix(away, 12) // away from the text, so that it stays readable
	}
	on, over := fill(c)
	ink := c.readable(lightGround, black)
	dark := c.readable(darkGround, white)
	darkOn, darkOver := fill(dark)
	return Accent{
		Fill: c.String(), Over: over.String(), OnFill: on.String(), Ink: ink.String(),
		DarkFill: dark.String(), DarkOver: darkOver.String(), DarkOn: darkOn.String(), DarkInk: dark.String(),
		Ratio: math.Round(contrast(on, c)*10) / 10,
	}, true
}

// css sets the variables of checkout.css.
func (a Accent) css() string {
	return ":root{--accent:" + a.Fill + ";--accent-over:" + a.Over + ";--on-accent:" + a.OnFill + ";--accent-ink:" + a.Ink + "}" +
		"@media (prefers-color-scheme:dark){:root{--accent:" + a.DarkFill + ";--accent-over:" + a.DarkOver + ";--on-accent:" + a.DarkOn + ";--accent-ink:" + a.DarkInk + "}}"
}
