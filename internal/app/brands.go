package app

import (
	"context"
	"errors"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// PageLook is what a hosted page shows before it knows its session.
type PageLook struct {
	Project *checkout.Project
	Brand   *checkout.Brand // without the logo's bytes
}

// PageLook tells how the project's pages look.
func (a *App) PageLook(ctx context.Context, id checkout.ProjectID) (PageLook, error) {
	project, err := a.DB.Project(ctx, id)
	if _, err = found("project", project, err); err != nil {
		return PageLook{}, err
	}
	brand, err := a.DB.Brand(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		brand, err = &checkout.Brand{ProjectID: id}, nil
	}
	return PageLook{project, brand}, err
}

// PageLogo reads the project's logo.
func (a *App) PageLogo(ctx context.Context, id checkout.ProjectID) (checkout.Logo, error) {
	logo, err := a.DB.Logo(ctx, id)
	if err == nil && len(logo.Bytes) == 0 {
		err = store.ErrNotFound
	}
	return found("logo", logo, err)
}

// SetBrand changes how the project's pages look. Payers see it with the next page that they open.
func (a *App) SetBrand(ctx context.Context, id checkout.ProjectID, change func(*checkout.Brand)) (PageLook, error) {
	look, err := a.PageLook(ctx, id)
	if err != nil {
		return PageLook{}, err
	}
	return look, a.DB.TxAlone(ctx, func(tx *store.Tx) error {
		if err := tx.TouchBrand(id, a.now()); err != nil { // from here on, whoever else changes it waits
			return err
		}
		brand, err := tx.Brand(ctx, id)
		if err == nil && brand.Logo.Type != "" {
			brand.Logo, err = tx.Logo(ctx, id)
		}
		if err != nil {
			return err
		}
		change(brand)
		look.Brand = brand
		return tx.PutBrand(brand, a.now())
	})
}
