package store

import (
	"context"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
)

// GatewayAccount is a project's account at a gateway.
type GatewayAccount struct {
	ProjectID checkout.ProjectID
	Gateway   string
	Sealed    []byte // the settings
	Enabled   bool   // for new orders
	UpdatedAt time.Time
	Version   int64 // 0: not stored yet

	// Of the gateway's catalogue, with which they are stored: when it was loaded, when an attempt was made, each zero: never; and
	// how many have failed since the last one that did not.
	CatalogueAt       time.Time
	CatalogueAttempt  time.Time
	CatalogueAttempts int64
}

// PutGatewayAccount stores the account, if it still is at the version that was read; else ErrConflict.
func (tx *Tx) PutGatewayAccount(a *GatewayAccount) error {
	was := a.Version
	a.Version = newVersion()
	if was != 0 {
		return tx.swap(`update gateway_accounts set settings = $1, enabled = $2, updated_at = $3, version = $4
			where project_id = $5 and gateway = $6 and version = $7`,
			a.Sealed, a.Enabled, micros(a.UpdatedAt), a.Version, string(a.ProjectID), a.Gateway, was)
	}
	n, err := tx.insert(`insert into gateway_accounts (project_id, gateway, settings, enabled, updated_at, version)
		values ($1, $2, $3, $4, $5, $6)`, ` on conflict do nothing`,
		string(a.ProjectID), a.Gateway, a.Sealed, a.Enabled, micros(a.UpdatedAt), a.Version)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

const accountQuery = `select a.project_id, a.gateway, a.settings, a.enabled, a.updated_at, a.version, coalesce(c.loaded_at, 0),
	coalesce(c.attempted_at, 0), coalesce(c.attempts, 0)
	from gateway_accounts a left join gateway_catalogues c on c.project_id = a.project_id and c.gateway = a.gateway`

// GatewayAccounts reads the project's accounts.
func (r Reader) GatewayAccounts(ctx context.Context, project checkout.ProjectID) ([]*GatewayAccount, error) {
	return scanAll(ctx, r.q, scanAccount, accountQuery+` where a.project_id = $1 order by a.gateway`, string(project))
}

// AllGatewayAccounts reads the accounts of all projects.
func (r Reader) AllGatewayAccounts(ctx context.Context) ([]*GatewayAccount, error) {
	return scanAll(ctx, r.q, scanAccount, accountQuery+` order by a.project_id, a.gateway`)
}

func scanAccount(row scanner) (*GatewayAccount, error) {
	var a GatewayAccount
	var updated, loaded, attempted int64
	err := row.Scan(&a.ProjectID, &a.Gateway, &a.Sealed, &a.Enabled, &updated, &a.Version, &loaded, &attempted, &a.CatalogueAttempts)
	a.UpdatedAt, a.CatalogueAt, a.CatalogueAttempt = fromMicros(updated), fromMicros(loaded), fromMicros(attempted)
	return &a, unavailable(err)
}

// GatewayCatalogue is what a gateway published of what it serves to a project's account.
type GatewayCatalogue struct {
	ProjectID   checkout.ProjectID
	Gateway     string
	Body        []byte // empty: never loaded
	LoadedAt    time.Time
	AttemptedAt time.Time
	Attempts    int64 // those that have failed since the last one that did not
}

// GatewayCatalogue reads the account's catalogue.
func (r Reader) GatewayCatalogue(ctx context.Context, project checkout.ProjectID, gateway string) (*GatewayCatalogue, error) {
	c := &GatewayCatalogue{ProjectID: project, Gateway: gateway}
	var loaded, attempted int64
	err := r.q.queryRow(ctx, `select body, loaded_at, attempted_at, attempts from gateway_catalogues where project_id = $1 and gateway = $2`, string(project), gateway).
		Scan(&c.Body, &loaded, &attempted, &c.Attempts)
	c.LoadedAt, c.AttemptedAt = fromMicros(loaded), fromMicros(attempted)
	return c, unavailable(err)
}

// AttemptCatalogue notes that the catalogue is being loaded, one attempt after the one given. ErrConflict: another node does.
func (tx *Tx) AttemptCatalogue(c *GatewayCatalogue, now time.Time) error {
	n, err := tx.insert(`insert into gateway_catalogues (project_id, gateway, body, loaded_at, attempted_at, attempts)
		values ($1, $2, $3, 0, $4, 1)`, ` on conflict (project_id, gateway) do nothing`, string(c.ProjectID), c.Gateway, []byte{}, micros(now))
	if err == nil && n == 0 {
		err = tx.swap(`update gateway_catalogues set attempted_at = $1, attempts = attempts + 1
			where project_id = $2 and gateway = $3 and attempted_at = $4 and loaded_at = $5`,
			micros(now), string(c.ProjectID), c.Gateway, micros(c.AttemptedAt), micros(c.LoadedAt))
	}
	return err
}

// PutCatalogue stores what was loaded, by the attempt of the time given; nothing, where another one has begun since.
func (tx *Tx) PutCatalogue(c *GatewayCatalogue, attempted time.Time) error {
	_, err := tx.exec(`update gateway_catalogues set body = $1, loaded_at = $2, attempts = 0 where project_id = $3 and gateway = $4 and attempted_at = $5`,
		c.Body, micros(c.LoadedAt), string(c.ProjectID), c.Gateway, micros(attempted))
	return err
}

// DropAttempt forgets the attempt of the time given, of which nothing came; nothing, where another one has begun since.
func (tx *Tx) DropAttempt(c *GatewayCatalogue, attempted time.Time) error {
	_, err := tx.exec(`delete from gateway_catalogues where project_id = $1 and gateway = $2 and attempted_at = $3`,
		string(c.ProjectID), c.Gateway, micros(attempted))
	return err
}

// DropCatalogue forgets what the gateway has published.
func (tx *Tx) DropCatalogue(project checkout.ProjectID, gateway string) error {
	_, err := tx.exec(`delete from gateway_catalogues where project_id = $1 and gateway = $2`, string(project), gateway)
	return err
}
