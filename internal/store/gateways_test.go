package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// TestGatewayAccounts: an account is changed only as it was read, and read with when its catalogue was loaded.
func TestGatewayAccounts(t *testing.T) {
	t.Parallel()
	db, project, other := open(t, store.Options{}), newProject(), newProject()
	put := func(a *store.GatewayAccount) error {
		return db.Tx(t.Context(), func(tx *store.Tx) error { return tx.PutGatewayAccount(a) })
	}
	first := &store.GatewayAccount{ProjectID: project, Gateway: "b", Sealed: []byte("\x00\xff"), Enabled: true, UpdatedAt: noon}
	again := *first
	if err := put(first); err != nil || first.Version == 0 {
		t.Fatalf("%v, version %d", err, first.Version)
	}
	if err := put(&again); !errors.Is(err, store.ErrConflict) {
		t.Errorf("added twice: %v", err)
	}
	stale := *first
	first.Enabled, first.UpdatedAt = false, noon.Add(time.Second)
	if err := put(first); err != nil {
		t.Error(err)
	}
	if err := put(&stale); !errors.Is(err, store.ErrConflict) {
		t.Errorf("changed as it was before: %v", err)
	}
	second := &store.GatewayAccount{ProjectID: project, Gateway: "a", Sealed: []byte{1}, Enabled: true, UpdatedAt: noon}
	foreign := &store.GatewayAccount{ProjectID: other, Gateway: "b", Sealed: []byte{2}, Enabled: true, UpdatedAt: noon}
	if err := errors.Join(put(second), put(foreign)); err != nil {
		t.Fatal(err)
	}
	c := &store.GatewayCatalogue{ProjectID: project, Gateway: "b", Body: []byte("list"), LoadedAt: noon.Add(time.Minute)}
	must(t, db, func(tx *store.Tx) error { return tx.AttemptCatalogue(c, noon) })
	must(t, db, func(tx *store.Tx) error { return tx.PutCatalogue(c, noon) })
	first.CatalogueAt, first.CatalogueAttempt = c.LoadedAt, noon
	got, err := db.GatewayAccounts(t.Context(), project)
	if diff := cmp.Diff([]*store.GatewayAccount{second, first}, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	all, err := db.AllGatewayAccounts(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("all: %d, %v", len(all), err)
	}
	got, err = db.GatewayAccounts(t.Context(), newProject())
	if err != nil || len(got) != 0 {
		t.Errorf("of another: %v, %v", got, err)
	}
}

// TestGatewayCatalogues: one node of all loads; the last good one stays while attempts fail.
func TestGatewayCatalogues(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	c := &store.GatewayCatalogue{ProjectID: project, Gateway: "g"}
	attempt := func(c *store.GatewayCatalogue, at time.Time) error {
		return db.Tx(t.Context(), func(tx *store.Tx) error { return tx.AttemptCatalogue(c, at) })
	}
	read := func() *store.GatewayCatalogue {
		t.Helper()
		c, err := db.GatewayCatalogue(t.Context(), project, "g")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if _, err := db.GatewayCatalogue(t.Context(), project, "g"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	if err := attempt(c, noon); err != nil {
		t.Fatal(err)
	}
	if err := attempt(c, noon.Add(time.Second)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("two began: %v", err)
	}
	if got := read(); got.Attempts != 1 || len(got.Body) != 0 || !got.AttemptedAt.Equal(noon) || !got.LoadedAt.IsZero() {
		t.Errorf("begun: %+v", got)
	}
	if err := attempt(read(), noon.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	c.Body, c.LoadedAt = []byte("late"), noon.Add(time.Minute)
	must(t, db, func(tx *store.Tx) error { return tx.PutCatalogue(c, noon) })
	if got := read(); got.Attempts != 2 || len(got.Body) != 0 {
		t.Errorf("by an attempt that another has followed: %+v", got)
	}
	c.Body = []byte("good")
	must(t, db, func(tx *store.Tx) error { return tx.PutCatalogue(c, noon.Add(time.Minute)) })
	if err := attempt(read(), noon.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := read(); got.Attempts != 1 || string(got.Body) != "good" || !got.LoadedAt.Equal(c.LoadedAt) {
		t.Errorf("after a further attempt: %+v", got)
	}
	must(t, db, func(tx *store.Tx) error { return tx.DropAttempt(c, noon) })
	if got := read(); got.Attempts != 1 {
		t.Errorf("after an earlier attempt was dropped: %+v", got)
	}
	must(t, db, func(tx *store.Tx) error { return tx.DropAttempt(c, noon.Add(time.Hour)) })
	if err := attempt(&store.GatewayCatalogue{ProjectID: project, Gateway: "g"}, noon); err != nil {
		t.Errorf("after the last attempt was dropped: %v", err)
	}
	must(t, db, func(tx *store.Tx) error { return tx.DropCatalogue(project, "g") })
	if _, err := db.GatewayCatalogue(t.Context(), project, "g"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("dropped: %v", err)
	}
}

// TestGatewayTokens: of each number there is one claim, which one node holds; a few earlier tokens stay.
func TestGatewayTokens(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	do := func(fn func(*store.Tx) error) error { return db.Tx(t.Context(), fn) }
	claim := func(seq int64, owner string) *store.GatewayToken {
		return &store.GatewayToken{ProjectID: project, Gateway: "g", Name: "n", Seq: seq, Lease: store.Lease{Owner: owner, Until: noon}}
	}
	for seq := int64(1); seq <= 8; seq++ {
		mine, theirs := claim(seq, "a"), claim(seq, "b")
		must(t, db, func(tx *store.Tx) error { return tx.ClaimToken(mine) })
		if err := do(func(tx *store.Tx) error { return tx.ClaimToken(theirs) }); !errors.Is(err, store.ErrConflict) {
			t.Fatalf("%d claimed twice: %v", seq, err)
		}
		later := store.Lease{Owner: "b", Until: noon.Add(time.Hour)}
		must(t, db, func(tx *store.Tx) error { return tx.TakeToken(mine, later) })
		if err := do(func(tx *store.Tx) error { return tx.TakeToken(mine, later) }); !errors.Is(err, store.ErrConflict) {
			t.Errorf("taken over twice: %v", err)
		}
		mine.Sealed = []byte("old")
		if err := do(func(tx *store.Tx) error { return tx.PutToken(mine) }); !errors.Is(err, store.ErrConflict) {
			t.Errorf("put by whom it was taken from: %v", err)
		}
		must(t, db, func(tx *store.Tx) error { return tx.DropClaim(mine) }) // it has none
		theirs.Lease, theirs.Sealed, theirs.ExpiresAt = later, []byte{byte(seq)}, noon.Add(time.Duration(seq)*time.Minute)
		must(t, db, func(tx *store.Tx) error { return tx.PutToken(theirs) })
	}
	must(t, db, func(tx *store.Tx) error { return tx.RejectToken(claim(7, "")) })
	held := claim(9, "c")
	must(t, db, func(tx *store.Tx) error { return tx.ClaimToken(held) })
	seqs := func() (all []int64) {
		t.Helper()
		list, err := db.GatewayTokens(t.Context(), project, "g", "n")
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if k.Rejected != (k.Seq == 7) || (k.Sealed == nil) != (k.Seq == 9) || k.Seq < 9 && !k.ExpiresAt.Equal(noon.Add(time.Duration(k.Seq)*time.Minute)) {
				t.Errorf("%+v", k)
			}
			all = append(all, k.Seq)
		}
		return all
	}
	if got := seqs(); !slices.Equal(got, []int64{9, 8, 7, 6, 5, 4}) {
		t.Errorf("kept: %v", got)
	}
	must(t, db, func(tx *store.Tx) error { return tx.DropClaim(held) })
	must(t, db, func(tx *store.Tx) error {
		_, err := tx.PruneTokens(project, "g", noon.Add(6*time.Minute))
		return err
	})
	if got := seqs(); !slices.Equal(got, []int64{8, 7, 6}) {
		t.Errorf("after those before the sixth minute went: %v", got)
	}
	must(t, db, func(tx *store.Tx) error { return tx.RejectTokens(project, "g") })
	list, err := db.GatewayTokens(t.Context(), project, "g", "n")
	if err != nil || slices.ContainsFunc(list, func(k *store.GatewayToken) bool { return !k.Rejected }) {
		t.Errorf("all rejected: %v", err)
	}
}

// TestOrdersToAsk: an open order is due when its lease is over, and one node of all claims it; the sandbox's never are. So is its
// account, if there is one.
func TestOrdersToAsk(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	made := map[checkout.OrderStatus]*checkout.Order{}
	for i, status := range []checkout.OrderStatus{
		checkout.OrderPending, checkout.OrderCreating, checkout.OrderCreated, checkout.OrderProcessing, checkout.OrderCompleted, checkout.OrderFailed,
	} {
		for _, gateway := range []string{"g", "other", "sandbox"} {
			o := orderOf(session(project, noon), noon)
			o.Gateway, o.Status = gateway, checkout.OrderCreating
			must(t, db, func(tx *store.Tx) error {
				return tx.ReserveOrder(o, store.Lease{Owner: "maker", Until: noon.Add(time.Duration(i) * time.Second)})
			})
			if status != checkout.OrderCreating {
				must(t, db, func(tx *store.Tx) error {
					changed := *o
					changed.Status = status
					return tx.UpdateOrder(&changed, checkout.OrderCreating)
				})
			}
			if gateway == "g" {
				made[status] = o
			}
		}
	}
	due := func(gateway string, now time.Time) []store.Reservation {
		t.Helper()
		list, err := db.OrdersToAsk(t.Context(), project, gateway, now, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	for _, gateway := range []string{"g", "idle", "sandbox"} {
		must(t, db, func(tx *store.Tx) error {
			return tx.PutGatewayAccount(&store.GatewayAccount{ProjectID: project, Gateway: gateway, Sealed: []byte{1}})
		})
	}
	accounts := func(now time.Time) int {
		t.Helper()
		list, err := db.AccountsToAsk(t.Context(), now)
		if err != nil || len(list) > 0 && (list[0].ProjectID != project || list[0].Gateway != "g") {
			t.Fatal(list, err)
		}
		return len(list)
	}
	if before, after := accounts(noon.Add(-time.Second)), accounts(noon); before != 0 || after != 1 {
		t.Errorf("%d accounts before the time, %d at it", before, after)
	}
	if got := due("g", noon.Add(time.Second)); len(got) != 1 || got[0].Order.ID != made[checkout.OrderPending].ID {
		t.Errorf("after a second: %+v", got)
	}
	if got := due("sandbox", noon.Add(time.Hour)); len(got) != 0 {
		t.Errorf("of the sandbox: %+v", got)
	}
	all := due("g", noon.Add(time.Hour))
	if len(all) != 3 || all[0].Order.Status != checkout.OrderPending || all[1].Order.Status != checkout.OrderCreated || all[2].Order.Status != checkout.OrderProcessing {
		t.Fatalf("after an hour: %+v", all)
	}
	claim := func(r store.Reservation) error {
		return db.Tx(t.Context(), func(tx *store.Tx) error {
			return tx.AskOrder(r.Order, r.Lease, store.Lease{Owner: "node", Until: noon.Add(2 * time.Hour)})
		})
	}
	if err := claim(all[0]); err != nil {
		t.Error(err)
	}
	if err := claim(all[0]); !errors.Is(err, store.ErrConflict) {
		t.Errorf("claimed twice: %v", err)
	}
	over := *all[1].Order
	over.Status = checkout.OrderCompleted
	must(t, db, func(tx *store.Tx) error { return tx.UpdateOrder(&over, checkout.OrderCreated) })
	if err := claim(all[1]); !errors.Is(err, store.ErrConflict) {
		t.Errorf("claimed when it was over: %v", err)
	}
	if got := due("g", noon.Add(time.Hour)); len(got) != 1 || got[0].Order.Status != checkout.OrderProcessing {
		t.Errorf("what is left: %+v", got)
	}
}

// TestGatewaysUpgrade: a database of before accounts gets their tables, and keeps what it has.
func TestGatewaysUpgrade(t *testing.T) {
	t.Parallel()
	url := fresh(t, here())
	db := openURL(t, url, store.Options{})
	s := fullSession(newProject())
	must(t, db, insert(s))
	back(t, url, `drop index orders_asked`, `drop table gateway_accounts`, `drop table gateway_tokens`, `drop table gateway_catalogues`, `delete from goose_db_version where version_id > 5`)
	if err := db.CheckSchema(t.Context()); err == nil || !strings.Contains(err.Error(), "sliproad migrate up") {
		t.Errorf("before: %v", err)
	}
	if done, err := db.Migrate(t.Context()); err != nil || len(done) == 0 {
		t.Fatalf("%d steps, %v", len(done), err)
	}
	a := &store.GatewayAccount{ProjectID: s.ProjectID, Gateway: "g", Sealed: []byte{1}, UpdatedAt: noon}
	must(t, db, func(tx *store.Tx) error { return tx.PutGatewayAccount(a) })
	if got, err := db.Session(t.Context(), s.ProjectID, s.ID); err != nil || cmp.Diff(s, got, sameDigits) != "" {
		t.Errorf("the session: %v\n%s", err, cmp.Diff(s, got, sameDigits))
	}
}
