package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
	"github.com/sliproad/sliproad/internal/store"
)

// sameDigits compares amounts as they are echoed: 100 is not 100.00.
var sameDigits = cmp.Comparer(func(a, b money.Amount) bool { return a.String() == b.String() })

func fullSession(project checkout.ProjectID) *checkout.Session {
	s := session(project, noon.Add(123456*time.Microsecond))
	s.ExternalCustomerID, s.Type, s.SourceAmount, s.SourceCurrency = "Zoë \u2028'\"", checkout.Offramp, amount("90071992547409.930"), "KWD"
	s.DestinationCurrency, s.Network, s.DestinationAddress = "USDC.E", "ethereum", "0x742d35Cc6634C0532925a3b844Bc454e4438f44e"
	s.RedirectURL, s.Country, s.CountrySource = "https://a.example/?q=1&r=%20", "DE", checkout.CountryFromBackend
	s.Metadata, s.SecretKeyID = []byte(`{"a":[1,"\u00e9"]}`), "0a1b2c3d"
	s.FieldLocks[checkout.LockDestinationAddress] = checkout.Lock{Set: true, Locked: true}
	s.FieldLocks[checkout.LockNetwork] = checkout.Lock{Set: true}
	s.FieldLocks[checkout.LockSourceAmount] = checkout.Lock{Set: true, Locked: true, Min: amount("10.50"), Max: amount("500")}
	s.Warnings = []checkout.Warning{{Code: "ADDRESS_CHECKSUM", Field: "destinationAddress", Message: "It's \"wrong\"."}}
	return s
}

// TestRoundTrip: what is stored is what is read, digit by digit and microsecond by microsecond.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	half := session(project, noon)
	half.FieldLocks[checkout.LockSourceAmount] = checkout.Lock{Set: true, Max: amount("5")}
	for _, s := range []*checkout.Session{fullSession(project), session(project, noon), half} {
		must(t, db, insert(s))
		got, err := db.Session(t.Context(), project, s.ID)
		if diff := cmp.Diff(s, got, sameDigits); err != nil || diff != "" {
			t.Errorf("session: %v\n%s", err, diff)
		}
		was := s.Status
		s.Status, s.Network, s.DestinationAddress, s.Warnings = checkout.SessionConfirmed, "base", "0x0", nil
		s.Country, s.CountrySource, s.UpdatedAt, s.OrderID = "FR", checkout.CountryFromPayer, noon.Add(time.Second), "ord_1"
		must(t, db, func(tx *store.Tx) error { return tx.UpdateSession(s, was) })
		got, err = db.Session(t.Context(), project, s.ID)
		if err == nil && got.Version == s.Version {
			t.Errorf("the update left version %d", s.Version)
		}
		if s.Version = got.Version; err != nil || cmp.Diff(s, got, sameDigits) != "" {
			t.Errorf("session, updated: %v\n%s", err, cmp.Diff(s, got, sameDigits))
		}
		if _, err := db.Session(t.Context(), newProject(), s.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another project reads it: %v", err)
		}
	}

	o := orderOf(half, noon)
	o.ExternalCustomerID, o.WalletAddress, o.Email, o.RedirectURL = "user", "0xab", "a@b.example", "https://a.example"
	o.Country, o.Metadata, o.CheckoutSeconds, o.PriorStatus = "DE", []byte(`{"k":"v"}`), 1800, checkout.SessionConfirmed
	must(t, db, func(tx *store.Tx) error { return tx.ReserveOrder(o, store.Lease{Owner: "n1", Until: noon}) })
	got, err := db.Order(t.Context(), project, o.ID)
	if diff := cmp.Diff(o, got, sameDigits); err != nil || diff != "" {
		t.Errorf("order: %v\n%s", err, diff)
	}
	o.Status, o.ExternalOrderID, o.CryptoAmount, o.TransactionHash = checkout.OrderCompleted, "sbx_1", amount("0.052300"), "0xfe"
	o.FailureReason, o.CheckoutURL, o.CheckoutSeconds = "none", "https://pay.example", 60
	o.UpdatedAt, o.CompletedAt, o.LatePaymentAt = noon.Add(1), noon.Add(2*time.Second), noon.Add(3*time.Second)
	o.UpdatedAt = o.UpdatedAt.Truncate(time.Microsecond)
	must(t, db, func(tx *store.Tx) error { return tx.UpdateOrder(o, checkout.OrderCreating) })
	got, err = db.Order(t.Context(), project, o.ID)
	if err == nil && got.Version == o.Version {
		t.Errorf("the update left version %d", o.Version)
	}
	o.Version = got.Version
	if diff := cmp.Diff(o, got, sameDigits); err != nil || diff != "" {
		t.Errorf("order, updated: %v\n%s", err, diff)
	}
}

// TestProjectsAndKeys: settings and keys come back, and only a key's hash finds it.
func TestProjectsAndKeys(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	p := &checkout.Project{
		ID: newProject(), Name: "Shop", Mode: checkout.ModeLive, DefaultGateway: "auto", StrictAddress: true,
		AllowedOrigins: []string{"https://a.example", "http://localhost:3000"}, CreatedAt: noon,
	}
	key := &checkout.Key{ID: seed().KeyID(0, noon), ProjectID: p.ID, Kind: checkout.KeyPublic, Hint: "wxyz", CreatedAt: noon}
	hash := checkout.HashKey("pk_live_…")
	must(t, db, func(tx *store.Tx) error { return errors.Join(tx.InsertProject(p), tx.InsertKey(key, hash)) })
	check := func() {
		t.Helper()
		if got, err := db.Project(t.Context(), p.ID); err != nil || cmp.Diff(p, got) != "" {
			t.Errorf("project: %v\n%s", err, cmp.Diff(p, got))
		}
		byHash, err1 := db.KeyByHash(t.Context(), hash)
		byID, err2 := db.Key(t.Context(), p.ID, key.ID)
		if err := errors.Join(err1, err2); err != nil || cmp.Diff(key, byHash) != "" || cmp.Diff(key, byID) != "" {
			t.Errorf("key: %v\n%s%s", err, cmp.Diff(key, byHash), cmp.Diff(key, byID))
		}
	}
	check()
	p.Name, p.AllowedOrigins, p.StrictAddress, p.DefaultGateway = "Shop 2", nil, false, ""
	key.ExpiresAt, key.RevokedAt = noon.Add(time.Hour), noon.Add(time.Minute)
	must(t, db, func(tx *store.Tx) error {
		return errors.Join(tx.UpdateProject(p), tx.ExpireKey(key), tx.RevokeKey(key))
	})
	check()
	for what, change := range map[string]func(*store.Tx) error{
		"revoked twice":         func(tx *store.Tx) error { return tx.RevokeKey(key) },
		"rotated after the end": func(tx *store.Tx) error { return tx.ExpireKey(key) },
	} {
		if err := db.Tx(t.Context(), change); !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := db.KeyByHash(t.Context(), checkout.HashKey("pk_live_other"))
	_, err2 := db.Key(t.Context(), newProject(), key.ID)
	if !errors.Is(err, store.ErrNotFound) || !errors.Is(err2, store.ErrNotFound) {
		t.Errorf("another's key: %v, %v", err, err2)
	}
}

// TestReservationLease: one node takes a stale reservation over; those that are alive are left alone.
func TestReservationLease(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	s := session(project, noon)
	o, held := orderOf(s, noon), store.Lease{Owner: "dead", Until: noon.Add(time.Minute)}
	must(t, db, func(tx *store.Tx) error { return tx.ReserveOrder(o, held) })
	stale := func(at time.Time, self string, exclusive bool) []store.Reservation {
		t.Helper()
		list, err := db.StaleReservations(t.Context(), at, self, exclusive, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if n := len(stale(noon, "me", false)); n != 0 {
		t.Error("a lease that runs is stale, although its owner may live")
	}
	if n := len(stale(noon, "dead", true)); n != 0 {
		t.Error("one's own lease is stale")
	}
	list := stale(noon, "me", true)
	if len(list) != 1 || list[0].Order.ID != o.ID || list[0].Lease != held || len(stale(held.Until, "dead", false)) != 1 {
		t.Fatalf("stale: %+v", list)
	}
	mine := store.Lease{Owner: "me", Until: noon.Add(2 * time.Minute)}
	must(t, db, func(tx *store.Tx) error { return tx.TakeReservation(o, held, mine) })
	err := db.Tx(t.Context(), func(tx *store.Tx) error { return tx.TakeReservation(o, held, mine) })
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("taken twice: %v", err)
	}
}

// TestNamesAndNotifications: the other unique keys decide once.
func TestNamesAndNotifications(t *testing.T) {
	t.Parallel()
	db, project := open(t, store.Options{}), newProject()
	a, b := newCustomer(), newCustomer()
	must(t, db, func(tx *store.Tx) error {
		_, err1 := tx.EnsureCustomer(project, "a", a, noon)
		_, err2 := tx.EnsureCustomer(project, "b", b, noon)
		return errors.Join(err1, err2)
	})
	for _, id := range []checkout.CustomerID{a, "unknown"} {
		err := db.Tx(t.Context(), func(tx *store.Tx) error { return tx.NameCustomer(project, id, "c") })
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("naming %s: %v", id, err)
		}
	}
	for i, want := range []bool{true, false} {
		must(t, db, func(tx *store.Tx) error {
			fresh, err := tx.InsertNotification(store.Notification{Project: project, Gateway: "g", DedupKey: "k", ReceivedAt: noon, Sealed: []byte("x")})
			if fresh != want {
				t.Errorf("notification %d: fresh %v", i, fresh)
			}
			return err
		})
	}
}
