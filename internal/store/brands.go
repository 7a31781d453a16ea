package store

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// TouchBrand makes sure that the project has a brand, be it an empty one, and holds it until the transaction ends.
func (tx *Tx) TouchBrand(project checkout.ProjectID, now time.Time) error {
	_, err := tx.exec(`insert into brands (project_id, name, accent, logo_type, logo_hash, updated_at) values ($1, '', '', '', '', $2)
		on conflict (project_id) do update set updated_at = excluded.updated_at`, string(project), micros(now))
	return err
}

// PutBrand stores how the project's page looks, in place of what was there.
func (tx *Tx) PutBrand(b *checkout.Brand, now time.Time) error {
	_, err := tx.exec(`insert into brands (project_id, name, accent, logo_type, logo_hash, logo, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (project_id) do update set name = excluded.name, accent = excluded.accent, logo_type = excluded.logo_type,
		logo_hash = excluded.logo_hash, logo = excluded.logo, updated_at = excluded.updated_at`,
		string(b.ProjectID), b.Name, b.Accent, b.Logo.Type, b.Logo.Hash, b.Logo.Bytes, micros(now))
	return err
}

// Brand reads how the project's page looks, without the logo's bytes. ErrNotFound: nobody said.
func (r Reader) Brand(ctx context.Context, project checkout.ProjectID) (*checkout.Brand, error) {
	b := &checkout.Brand{ProjectID: project}
	row := r.q.queryRow(ctx, `select name, accent, logo_type, logo_hash from brands where project_id = $1`, string(project))
	return b, unavailable(row.Scan(&b.Name, &b.Accent, &b.Logo.Type, &b.Logo.Hash))
}

// Logo reads the project's logo. ErrNotFound: nobody said how the page looks; it may have no bytes.
func (r Reader) Logo(ctx context.Context, project checkout.ProjectID) (checkout.Logo, error) {
	var l checkout.Logo
	row := r.q.queryRow(ctx, `select logo_type, logo_hash, logo from brands where project_id = $1`, string(project))
	return l, unavailable(row.Scan(&l.Type, &l.Hash, &l.Bytes))
}
