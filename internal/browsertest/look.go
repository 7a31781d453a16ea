package browsertest

import (
	"context"
	"flag"
	"os"
	"path/filepath"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// keep tells whether the artifacts of tests outlive them.
func keep() bool {
	f := flag.Lookup("test.artifacts")
	return f != nil && f.Value.String() == "true"
}

// settle ends animations that have an end, so that colours and places are those that stay.
const settle = `document.getAnimations().forEach(a => { if (a.effect.getComputedTiming().endTime !== Infinity) a.finish(); })`

// Picture is the whole page as a PNG, beyond the window's lower edge.
func (p *Page) Picture() []byte {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Limit)
	defer cancel()
	picture, err := p.picture(ctx)
	if err != nil {
		p.fatalf("%v", err)
	}
	return picture
}

func (p *Page) picture(ctx context.Context) ([]byte, error) {
	if _, err := evaluate[any](ctx, settle); err != nil {
		return nil, err
	}
	size, err := chromedp.Call(ctx, page.GetLayoutMetrics, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	beyond := true
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatPng, CaptureBeyondViewport: &beyond,
		Clip: &page.Viewport{Width: size.CSSContentSize.Width, Height: size.CSSContentSize.Height, Scale: 1},
	})
	return shot.Data, err
}

// Screenshot saves the whole page as NAME.png among the test's artifacts, for a person to look at; it does nothing unless
// `go test -artifacts` keeps them.
func (p *Page) Screenshot(name string) {
	p.tb.Helper()
	if !keep() {
		return
	}
	ctx, cancel := context.WithTimeout(p.ctx, Limit)
	defer cancel()
	if err := p.save(ctx, name); err != nil {
		p.fatalf("%v", err)
	}
}

func (p *Page) save(ctx context.Context, name string) error {
	picture, err := p.picture(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.tb.ArtifactDir(), name+".png"), picture, 0o600)
}
