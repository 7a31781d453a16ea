package store

import "context"

// MasterKeyCheck reads the text that was sealed with the newest master key of the last start; ErrNotFound before the
// first.
func (r Reader) MasterKeyCheck(ctx context.Context) ([]byte, error) {
	var sealed []byte
	err := r.q.queryRow(ctx, `select sealed from master_key_check where id = 1`).Scan(&sealed)
	return sealed, unavailable(err)
}

// SetMasterKeyCheck stores the text.
func (tx *Tx) SetMasterKeyCheck(sealed []byte) error {
	_, err := tx.exec(`insert into master_key_check (id, sealed) values (1, $1) on conflict (id) do update set sealed = excluded.sealed`, sealed)
	return err
}
