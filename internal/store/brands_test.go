package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// wantBrand wants the brand to be stored as it is, with its logo beside it.
func wantBrand(t *testing.T, db *store.DB, want checkout.Brand) {
	t.Helper()
	logo, err := db.Logo(t.Context(), want.ProjectID)
	if diff := cmp.Diff(want.Logo, logo); err != nil || diff != "" {
		t.Errorf("logo: %v\n%s", err, diff)
	}
	want.Logo.Bytes = nil
	got, err := db.Brand(t.Context(), want.ProjectID)
	if diff := cmp.Diff(&want, got); err != nil || diff != "" {
		t.Errorf("brand: %v\n%s", err, diff)
	}
}

// TestBrands: what is stored last is what is read, of this project alone.
func TestBrands(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	other := checkout.Brand{ProjectID: newProject(), Name: "Other"}
	must(t, db, func(tx *store.Tx) error { return tx.PutBrand(&other, noon) })
	if _, err := db.Brand(t.Context(), project); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	if _, err := db.Logo(t.Context(), project); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	logo := checkout.Logo{Type: "image/png", Hash: "0011223344556677", Bytes: []byte("\x00\xff" + strings.Repeat("x", checkout.MaxLogoBytes-2))}
	for _, b := range []checkout.Brand{
		{ProjectID: project, Name: "Zoë 'quoted'", Accent: "#0b5c4a", Logo: logo},
		{ProjectID: project, Accent: "#ffffff", Logo: logo},
		{ProjectID: project, Name: "Shop"},
		{ProjectID: project},
		{ProjectID: project, Logo: logo},
	} {
		must(t, db, func(tx *store.Tx) error { return tx.PutBrand(&b, noon.Add(time.Second)) })
		wantBrand(t, db, b)
	}
	wantBrand(t, db, other)
}

// TestBrandsUpgrade: a database of before brands gets their table, and keeps what it has.
func TestBrandsUpgrade(t *testing.T) {
	t.Parallel()
	url := fresh(t, here())
	db := openURL(t, url, store.Options{})
	s := fullSession(newProject())
	must(t, db, insert(s))
	back(t, url, `drop table brands`, `delete from goose_db_version where version_id > 4`)
	if err := db.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "sliproad migrate up") {
		t.Errorf("before: %v", err)
	}
	if done, err := db.Migrate(t.Context()); err != nil || len(done) == 0 {
		t.Fatalf("%d steps, %v", len(done), err)
	}
	if err := db.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
	b := checkout.Brand{ProjectID: s.ProjectID, Name: "Shop"}
	must(t, db, func(tx *store.Tx) error { return tx.PutBrand(&b, noon) })
	wantBrand(t, db, b)
	if got, err := db.Session(t.Context(), s.ProjectID, s.ID); err != nil || cmp.Diff(s, got, sameDigits) != "" {
		t.Errorf("the session: %v\n%s", err, cmp.Diff(s, got, sameDigits))
	}
}
