package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/page"
)

type projectBrand struct {
	ID            string `arg:"" help:"The project's id."`
	Name          string `help:"The name that payers know you by; - removes it."`
	Accent        string `placeholder:"#RRGGBB" help:"The colour of buttons and links; - brings ours back. Text on it and in it stays readable whatever it is."`
	Logo          string `placeholder:"FILE" help:"A PNG, JPEG, WebP or SVG image of at most 64 KiB, shown 32 pixels high; - removes it."`
	databaseFlags `embed:""`
}

// Help is shown below the flags.
func (projectBrand) Help() string {
	return "Without flags it shows what is set. Payers see a change with the next page that they open.\n\n" +
		"Example:\n  sliproad project brand 6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11 --name 'Example Shop' --accent '#0b5c4a' --logo logo.svg"
}

func (c *projectBrand) Run(ctx context.Context, s streams) error {
	change, err := c.change()
	if err != nil {
		return err
	}
	return c.withDatabase(ctx, func(a *app.App) error {
		id := checkout.ProjectID(c.ID)
		var look app.PageLook
		var err error
		if change == nil {
			look, err = a.PageLook(ctx, id)
		} else {
			look, err = a.SetBrand(ctx, id, change)
		}
		if checkout.CodeOf(err) == checkout.CodeNotFound {
			return noProject(c.ID)
		}
		if err != nil {
			return err
		}
		return printBrand(s.out, look.Brand)
	})
}

// change is what the flags ask for, nil where they ask for nothing. Everything wrong is told at once.
func (c *projectBrand) change() (func(*checkout.Brand), error) {
	var changes []func(*checkout.Brand)
	var errs []error
	add := func(flag, value string, parse func() (func(*checkout.Brand), error), remove func(*checkout.Brand)) {
		switch value {
		case "":
		case "-":
			changes = append(changes, remove)
		default:
			change, err := parse()
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", flag, err))
			}
			changes = append(changes, change)
		}
	}
	add("--name", c.Name, func() (func(*checkout.Brand), error) {
		return func(b *checkout.Brand) { b.Name = c.Name }, checkout.CheckBrandName(c.Name)
	}, func(b *checkout.Brand) { b.Name = "" })
	add("--accent", c.Accent, func() (func(*checkout.Brand), error) {
		accent, err := checkout.ParseAccent(c.Accent)
		return func(b *checkout.Brand) { b.Accent = accent }, err
	}, func(b *checkout.Brand) { b.Accent = "" })
	add("--logo", c.Logo, func() (func(*checkout.Brand), error) {
		logo, err := readLogo(c.Logo)
		return func(b *checkout.Brand) { b.Logo = logo }, err
	}, func(b *checkout.Brand) { b.Logo = checkout.Logo{} })
	if len(errs) > 0 || len(changes) == 0 {
		return nil, errors.Join(errs...)
	}
	return func(b *checkout.Brand) {
		for _, change := range changes {
			change(b)
		}
	}, nil
}

func readLogo(name string) (checkout.Logo, error) {
	f, err := os.Open(name)
	if err != nil {
		return checkout.Logo{}, err
	}
	image, err := io.ReadAll(io.LimitReader(f, checkout.MaxLogoBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return checkout.Logo{}, err
	}
	logo, err := checkout.ParseLogo(image)
	if err != nil {
		return checkout.Logo{}, fmt.Errorf("%s %w", name, err)
	}
	return logo, nil
}

func printBrand(w io.Writer, b *checkout.Brand) error {
	accent := "(ours)"
	if a, ok := page.NewAccent(b.Accent); ok {
		accent = fmt.Sprintf("%s, with %s text on it (contrast %.1f:1); as text %s, in the dark %s", a.Fill, a.OnFill, a.Ratio, a.Ink, a.DarkInk)
	}
	logo := "(none)"
	if b.Logo.Type != "" {
		logo = b.Logo.Type + " " + b.Logo.Hash
	}
	_, err := fmt.Fprintf(w, "name    %s\naccent  %s\nlogo    %s\n", or(b.Name, "(none)"), accent, logo)
	return err
}
