package store

import (
	"context"
	"encoding/json"

	"github.com/sliproad/sliproad/internal/checkout"
)

const projectColumns = `id, name, mode, default_gateway, allowed_origins, strict_address, created_at`

// InsertProject adds the project.
func (tx *Tx) InsertProject(p *checkout.Project) error {
	origins, err := json.Marshal(p.AllowedOrigins)
	if err != nil {
		return err
	}
	_, err = tx.exec(`insert into projects (`+projectColumns+`) values ($1, $2, $3, $4, $5, $6, $7)`,
		string(p.ID), p.Name, string(p.Mode), p.DefaultGateway, string(origins), p.StrictAddress, micros(p.CreatedAt))
	return err
}

// UpdateProject stores the project's settings. Nodes take them up within a second.
func (tx *Tx) UpdateProject(p *checkout.Project) error {
	origins, err := json.Marshal(p.AllowedOrigins)
	if err != nil {
		return err
	}
	return tx.swap(`update projects set name = $1, default_gateway = $2, allowed_origins = $3, strict_address = $4 where id = $5`,
		p.Name, p.DefaultGateway, string(origins), p.StrictAddress, string(p.ID))
}

// Project reads one project.
func (r Reader) Project(ctx context.Context, id checkout.ProjectID) (*checkout.Project, error) {
	return scanProject(r.q.queryRow(ctx, `select `+projectColumns+` from projects where id = $1`, string(id)))
}

// Projects reads all projects, the oldest first.
func (r Reader) Projects(ctx context.Context) ([]*checkout.Project, error) {
	return scanAll(ctx, r.q, scanProject, `select `+projectColumns+` from projects order by created_at, id`)
}

func scanProject(row scanner) (*checkout.Project, error) {
	var p checkout.Project
	var origins string
	var created int64
	if err := row.Scan(&p.ID, &p.Name, &p.Mode, &p.DefaultGateway, &origins, &p.StrictAddress, &created); err != nil {
		return nil, unavailable(err)
	}
	p.CreatedAt = fromMicros(created)
	return &p, json.Unmarshal([]byte(origins), &p.AllowedOrigins)
}

const keyColumns = `id, project_id, kind, hint, created_at, expires_at, revoked_at`

// InsertKey adds a key, of which only the hash is stored.
func (tx *Tx) InsertKey(k *checkout.Key, hash [32]byte) error {
	_, err := tx.exec(`insert into api_keys (hash, `+keyColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
		hash[:], string(k.ID), string(k.ProjectID), string(k.Kind), k.Hint, micros(k.CreatedAt), micros(k.ExpiresAt), micros(k.RevokedAt))
	return err
}

// ExpireKey sets when the key expires. ErrConflict: it was revoked meanwhile.
func (tx *Tx) ExpireKey(k *checkout.Key) error {
	return tx.swap(`update api_keys set expires_at = $1 where project_id = $2 and id = $3 and revoked_at = 0`,
		micros(k.ExpiresAt), string(k.ProjectID), string(k.ID))
}

// RevokeKey ends the key. ErrConflict: it was revoked before.
func (tx *Tx) RevokeKey(k *checkout.Key) error {
	return tx.swap(`update api_keys set revoked_at = $1 where project_id = $2 and id = $3 and revoked_at = 0`,
		micros(k.RevokedAt), string(k.ProjectID), string(k.ID))
}

// KeyByHash finds a key by the hash of its text, usable or not.
func (r Reader) KeyByHash(ctx context.Context, hash [32]byte) (*checkout.Key, error) {
	return scanKey(r.q.queryRow(ctx, `select `+keyColumns+` from api_keys where hash = $1`, hash[:]))
}

// Key reads one key of the project.
func (r Reader) Key(ctx context.Context, project checkout.ProjectID, id checkout.KeyID) (*checkout.Key, error) {
	return scanKey(r.q.queryRow(ctx, `select `+keyColumns+` from api_keys where project_id = $1 and id = $2`, string(project), string(id)))
}

// Keys reads all keys of the project, the oldest first.
func (r Reader) Keys(ctx context.Context, project checkout.ProjectID) ([]*checkout.Key, error) {
	return scanAll(ctx, r.q, scanKey, `select `+keyColumns+` from api_keys where project_id = $1 order by created_at, kind desc, id`, string(project))
}

func scanKey(row scanner) (*checkout.Key, error) {
	var k checkout.Key
	var created, expires, revoked int64
	if err := row.Scan(&k.ID, &k.ProjectID, &k.Kind, &k.Hint, &created, &expires, &revoked); err != nil {
		return nil, unavailable(err)
	}
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(revoked)
	return &k, nil
}
