package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
)

type keyCommand struct {
	Create keyCreate `cmd:"" help:"Make a further key, and show it: once."`
	List   keyList   `cmd:"" help:"List a project's keys."`
	Rotate keyRotate `cmd:"" help:"Replace a key; the old one works on for a while."`
	Revoke keyRevoke `cmd:"" help:"End a key now; running servers refuse it within a second."`
}

type keyFlags struct {
	Project       string `required:"" placeholder:"ID" help:"The project's id."`
	JSON          bool   `name:"json" help:"Print JSON."`
	databaseFlags `embed:""`
}

// keyRow is a key as it is listed: without the key itself, which only its maker was shown.
type keyRow struct {
	KeyID     string  `json:"keyId"`
	Kind      string  `json:"kind"`
	Ends      string  `json:"endsWith"`
	Status    string  `json:"status"`
	CreatedAt string  `json:"createdAt"`
	ExpiresAt *string `json:"expiresAt"`
	Key       string  `json:"key,omitempty"` // only when it was just made
}

func rowOf(k *checkout.Key, text string, now time.Time) keyRow {
	row := keyRow{KeyID: string(k.ID), Kind: string(k.Kind), Ends: k.Hint, Status: "active", CreatedAt: k.CreatedAt.Format(time.RFC3339), Key: text}
	if !k.ExpiresAt.IsZero() {
		at := k.ExpiresAt.Format(time.RFC3339)
		row.ExpiresAt = &at
		row.Status = "rotated"
	}
	if !k.RevokedAt.IsZero() {
		row.Status = "revoked"
	} else if !k.Usable(now) {
		row.Status = "expired"
	}
	return row
}

func (f keyFlags) printNew(s streams, key app.NewKey) error {
	if f.JSON {
		return json.NewEncoder(s.out).Encode(rowOf(key.Key, key.Text, time.Now()))
	}
	_, err := fmt.Fprintf(s.out, "key id  %s (%s)\nkey     %s\n\nThe key is not shown again.\n", key.Key.ID, key.Key.Kind, key.Text)
	return err
}

type keyCreate struct {
	Kind     string `required:"" enum:"secret,public" help:"secret for backends, public for browsers."`
	keyFlags `embed:""`
}

func (c *keyCreate) Run(ctx context.Context, s streams) error {
	return c.withDatabase(ctx, func(a *app.App) error {
		key, err := a.CreateKey(ctx, checkout.ProjectID(c.Project), checkout.KeyKind(c.Kind))
		if checkout.CodeOf(err) == checkout.CodeNotFound {
			return noProject(c.Project)
		}
		if err != nil {
			return err
		}
		return c.printNew(s, key)
	})
}

type keyList struct {
	keyFlags `embed:""`
}

func (c *keyList) Run(ctx context.Context, s streams) error {
	return c.withDatabase(ctx, func(a *app.App) error {
		keys, err := a.DB.Keys(ctx, checkout.ProjectID(c.Project))
		if err != nil {
			return err
		}
		rows := []keyRow{}
		for _, k := range keys {
			rows = append(rows, rowOf(k, "", time.Now()))
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(rows)
		}
		w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "KEY ID\tKIND\tENDS WITH\tSTATUS\tCREATED\tEXPIRES")
		for _, r := range rows {
			expires := "-"
			if r.ExpiresAt != nil {
				expires = *r.ExpiresAt
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t…%s\t%s\t%s\t%s\n", r.KeyID, r.Kind, r.Ends, r.Status, r.CreatedAt, expires)
		}
		return w.Flush()
	})
}

type keyRotate struct {
	ID       string        `arg:"" help:"The key's id, from key list."`
	Grace    time.Duration `default:"24h" help:"How long the old key works on; 0s ends it now."`
	keyFlags `embed:""`
}

func (c *keyRotate) Run(ctx context.Context, s streams) error {
	if c.Grace < 0 {
		return errors.New("--grace must not be negative")
	}
	return c.withDatabase(ctx, func(a *app.App) error {
		key, err := a.RotateKey(ctx, checkout.ProjectID(c.Project), checkout.KeyID(c.ID), c.Grace)
		if err != nil {
			return err
		}
		return c.printNew(s, key)
	})
}

type keyRevoke struct {
	ID       string `arg:"" help:"The key's id, from key list."`
	keyFlags `embed:""`
}

func (c *keyRevoke) Run(ctx context.Context, s streams) error {
	return c.withDatabase(ctx, func(a *app.App) error {
		key, err := a.RevokeKey(ctx, checkout.ProjectID(c.Project), checkout.KeyID(c.ID))
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(s.out).Encode(rowOf(key, "", time.Now()))
		}
		_, err = fmt.Fprintf(s.out, "%s is revoked\n", key.ID)
		return err
	})
}
