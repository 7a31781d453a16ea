package checkout_test

import (
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

func draw[T any](t *rapid.T, name string, of ...T) T { return rapid.SampledFrom(of).Draw(t, name) }

// drawAmount draws one of few amounts, so that they often are equal, some of them in other digits; unset with none.
func drawAmount(t *rapid.T, name string, none bool) money.Amount {
	digits := []string{"1", "1.00", "2", "2.5", "2.50", "10", "100.00"}
	if none {
		digits = append(digits, "", "", "")
	}
	text := rapid.SampledFrom(digits).Draw(t, name)
	if text == "" {
		return money.Amount{}
	}
	a, err := money.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func optional(t *rapid.T, name string, values ...string) *string {
	text := rapid.SampledFrom(append([]string{""}, values...)).Draw(t, name)
	if text == "" {
		return nil
	}
	return &text
}

const (
	addressA = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
	addressB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
)

// drawSession draws a request with few values and whatever locks, and makes the session of it, if it can be.
func drawSession(t *rapid.T) (*checkout.CreateSession, *checkout.Session, error) {
	external := "user"
	in := &checkout.CreateSession{
		ExternalCustomerID: &external, SourceAmount: drawAmount(t, "source amount", true),
		SourceCurrency: optional(t, "source currency", "USD", "eur"), DestinationCurrency: optional(t, "currency", "eth", "USDC"),
		Network: optional(t, "network", "ethereum", "BASE"), DestinationAddress: optional(t, "address", addressA, strings.ToLower(addressA)),
	}
	for m := checkout.LockDestinationAddress; m <= checkout.LockSourceCurrency; m++ {
		if !rapid.Bool().Draw(t, "lock") {
			continue
		}
		lock := checkout.LockInput{Member: m}
		if locked := draw(t, "locked", "yes", "no", ""); locked != "" {
			yes := locked == "yes"
			lock.Locked = &yes
		}
		if m == checkout.LockSourceAmount {
			lock.Min, lock.Max = drawAmount(t, "min", true), drawAmount(t, "max", true)
		}
		in.FieldLocks = append(in.FieldLocks, lock)
	}
	call := &checkout.Call{Caller: checkout.Caller{Project: &checkout.Project{ID: "p", Mode: checkout.ModeTest}}, Now: noon, Began: noon}
	s, err := in.Session(call)
	return in, s, err
}

// TestLockProperties: a session that is made has locks that hold together, and an order is refused by them if and only if
// it contradicts one; nothing is silently overwritten (contract §2.2).
func TestLockProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in, s, err := drawSession(t)
		wanted := map[checkout.Lockable]checkout.LockInput{}
		for _, l := range in.FieldLocks {
			wanted[l.Member] = l
		}
		values := []string{s.DestinationAddress, s.Network, s.DestinationCurrency, s.SourceAmount.String(), s.SourceCurrency}
		sound := true // by the table of contract §2.2
		for m, value := range values {
			l, named := wanted[checkout.Lockable(m)]
			ranged := l.Min.IsSet() || l.Max.IsSet()
			within := value == "" || admits(l, s.SourceAmount) || checkout.Lockable(m) != checkout.LockSourceAmount
			switch {
			case !named:
			case l.Locked == nil && !ranged, l.Locked != nil && *l.Locked && value == "" && !ranged,
				l.Min.IsSet() && l.Max.IsSet() && l.Min.Cmp(l.Max) > 0, ranged && !within:
				sound = false
			}
			if err == nil {
				lock := s.FieldLocks[m]
				if lock.Set != (named || value != "") || !named && lock.Locked != (value != "") || named && l.Locked != nil && lock.Locked != *l.Locked {
					t.Fatalf("%s %q, asked %+v: lock %+v", checkout.Lockable(m), value, l, lock)
				}
			}
		}
		if currency, ok := money.LookupCurrency(s.SourceCurrency); ok && sound && err != nil {
			t.Logf("%s has %d decimal places", currency.Code, currency.MinorUnits)
		}
		if sound != (err == nil) {
			t.Fatalf("sound %v, but: %v", sound, err)
		}
		if err == nil {
			checkOrderAgainst(t, s)
		}
	})
}

func admits(l checkout.LockInput, a money.Amount) bool {
	return (!l.Min.IsSet() || a.Cmp(l.Min) >= 0) && (!l.Max.IsSet() || a.Cmp(l.Max) <= 0)
}

func checkOrderAgainst(t *rapid.T, s *checkout.Session) {
	was := *s
	secret := "secret"
	currency, network := draw(t, "order currency", "ETH", "usdc"), draw(t, "order network", "ethereum", "Base")
	in := &checkout.CreateOrder{
		ClientSecret: &secret, FiatAmount: drawAmount(t, "fiat amount", false), FiatCurrency: optional(t, "fiat", "usd", "EUR"),
		CryptoCurrency: &currency, Network: &network, WalletAddress: optional(t, "wallet", addressA, addressB, strings.ToLower(addressA)),
	}
	if err := in.Check(); err != nil {
		t.Fatal(err)
	}
	locked := func(m checkout.Lockable) bool { return s.FieldLocks[m].Locked && !s.FieldLocks[m].Ranged() }
	refused := map[string]bool{
		"fiatAmount":     locked(checkout.LockSourceAmount) && !in.FiatAmount.Equal(s.SourceAmount) || !admits(checkout.LockInput{Min: s.FieldLocks[checkout.LockSourceAmount].Min, Max: s.FieldLocks[checkout.LockSourceAmount].Max}, in.FiatAmount),
		"fiatCurrency":   in.FiatCurrency != nil && locked(checkout.LockSourceCurrency) && !strings.EqualFold(*in.FiatCurrency, s.SourceCurrency) || in.FiatCurrency == nil && s.SourceCurrency == "",
		"cryptoCurrency": locked(checkout.LockDestinationCurrency) && !strings.EqualFold(currency, s.DestinationCurrency),
		"network":        locked(checkout.LockNetwork) && !strings.EqualFold(network, s.Network),
		"walletAddress":  in.WalletAddress != nil && locked(checkout.LockDestinationAddress) && !strings.EqualFold(*in.WalletAddress, s.DestinationAddress) || in.WalletAddress == nil && s.DestinationAddress == "",
	}
	call := &checkout.Call{Caller: checkout.Caller{Project: &checkout.Project{ID: "p"}}, Now: noon, Began: noon}
	o, err := in.Order(call, s)
	told := map[string]bool{}
	var e *checkout.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			told[f.Field] = true
		}
	}
	for field, no := range refused {
		if told[field] != no {
			t.Fatalf("%s: refused %v, want %v\nsession %+v\norder %+v\n%v", field, told[field], no, s, o, err)
		}
	}
	if s.DestinationAddress != was.DestinationAddress || s.Network != was.Network || s.SourceCurrency != was.SourceCurrency || s.Status != was.Status {
		t.Fatal("an order request has changed the session")
	}
	if err == nil && (o.FiatAmount.String() != in.FiatAmount.String() || o.Network != strings.ToLower(network) || o.CryptoCurrency != strings.ToUpper(currency)) {
		t.Fatalf("the order is not what was asked: %+v", o)
	}
}

// TestConfirmProperties: a confirmation takes up what is free, and refuses what is locked to another value.
func TestConfirmProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		_, s, err := drawSession(t)
		if err != nil {
			t.Skip()
		}
		was, secret := *s, "secret"
		in := &checkout.ConfirmSession{ClientSecret: &secret, Network: optional(t, "to network", "ethereum", "Base"), DestinationAddress: optional(t, "to", addressA, addressB)}
		if err := in.Check(); err != nil {
			t.Fatal(err)
		}
		err = in.Apply(s, noon.Add(time.Second), false)
		refused := in.Network != nil && was.FieldLocks[checkout.LockNetwork].Locked && *in.Network != was.Network ||
			in.DestinationAddress != nil && was.FieldLocks[checkout.LockDestinationAddress].Locked && !strings.EqualFold(*in.DestinationAddress, was.DestinationAddress)
		if refused != (err != nil) {
			t.Fatalf("refused %v, but: %v", refused, err)
		}
		if err != nil {
			return
		}
		if s.Status != checkout.SessionConfirmed || !s.ExpiresAt.Equal(was.ExpiresAt) {
			t.Fatalf("confirmed: %+v", s)
		}
		if in.Network != nil && s.Network != *in.Network || in.Network == nil && s.Network != was.Network {
			t.Fatalf("network %q", s.Network)
		}
		if was.FieldLocks[checkout.LockDestinationAddress].Locked && s.DestinationAddress != was.DestinationAddress {
			t.Fatalf("a locked address changed to %q", s.DestinationAddress)
		}
	})
}

// drawTime draws a time in microseconds, as they are stored.
func drawTime(t *rapid.T, name string) time.Time {
	return time.UnixMicro(rapid.Int64Range(0, 1<<55).Draw(t, name)).UTC()
}

func drawSeed(t *rapid.T, name string) (s checkout.Seed) {
	copy(s[:], rapid.SliceOfN(rapid.Byte(), len(s), len(s)).Draw(t, name))
	return s
}

// TestIDs: ids sort by creation, to the microsecond; the same call makes the same ids, and no two calls or kinds do; what
// follows the time is at least 128 bits that the seed alone determines.
func TestIDs(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^(sess|ord|evt|key)_[0-9a-hjkmnp-tv-z]{37}$`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawTime(t, "a"), drawTime(t, "b")
		s1, s2 := drawSeed(t, "seed 1"), drawSeed(t, "seed 2")
		id1, id2 := string(s1.SessionID(a)), string(s2.SessionID(b))
		if a.Before(b) && id1 >= id2 || b.Before(a) && id2 >= id1 {
			t.Fatalf("%s at %v, %s at %v", id1, a, id2, b)
		}
		if id1 != string(s1.SessionID(a)) || (s1 != s2 && a.Equal(b) && id1 == id2) {
			t.Fatalf("%s, %s", id1, id2)
		}
		if before := a.UnixMicro() < b.UnixMicro(); (s1.EventID(0, a) < checkout.FirstEventID(b)) != before {
			t.Fatalf("the first event id of %v is %s, that of an event at %v %s", b, checkout.FirstEventID(b), a, s1.EventID(0, a))
		}
		seen := map[string]bool{}
		for _, id := range []string{id1, string(s1.OrderID(a)), string(s1.EventID(0, a)), string(s1.EventID(1, a)), string(s1.KeyID(0, a))} {
			random := id[len(id)-25:] // 125 bits, all of them random
			if !form.MatchString(id) || seen[random] {
				t.Fatalf("%s", id)
			}
			seen[random] = true
		}
		if rest := id1[len("sess_"):]; (len(rest)*5 - 56) < 128 {
			t.Fatalf("%s has %d random bits", id1, len(rest)*5-56)
		}
		if n := checkout.Bucket(id1); n < 0 || n > 63 {
			t.Fatalf("bucket %d", n)
		}
	})
}

// TestIDBits: over many seeds, each random bit of an id is now set, now not.
func TestIDBits(t *testing.T) {
	t.Parallel()
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	var ones, zeros [37]int
	for i := range 200 {
		id := string(checkout.Seed{byte(i), byte(i >> 8), 7}.SessionID(noon))[len("sess_"):]
		for at := range id {
			v := strings.IndexByte(alphabet, id[at])
			ones[at] |= v
			zeros[at] |= ^v & 31
		}
	}
	bits := 0
	for at := range ones {
		for both := ones[at] & zeros[at]; both != 0; both &= both - 1 {
			bits++
		}
	}
	if bits != 128 {
		t.Errorf("%d bits of an id vary with the seed, want 128", bits)
	}
}

// TestKeys: an API key has its form, and is only found by its hash.
func TestKeys(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, mode := range []checkout.Mode{checkout.ModeTest, checkout.ModeLive} {
		for n, kind := range []checkout.KeyKind{checkout.KeySecret, checkout.KeyPublic} {
			key := checkout.Seed{1}.APIKey(n, kind, mode)
			if !checkout.LooksLikeKey(key) || !strings.HasPrefix(key, checkout.KeyPrefix(kind, mode)) || seen[key[8:]+string(mode)] {
				t.Errorf("%s %s: %s", mode, kind, key)
			}
			seen[key[8:]+string(mode)] = true
		}
	}
	for _, bad := range []string{"", "sk_test_", strings.Repeat("x", checkout.KeyLength), "sk_prod_" + strings.Repeat("0", 40), "sk_test_" + strings.Repeat("0", 41)} {
		if checkout.LooksLikeKey(bad) {
			t.Errorf("%q looks like a key", bad)
		}
	}
}

// TestCursorRoundTrip: any place in a list comes back as it was.
func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := drawTime(t, "at")
		c := checkout.Cursor{CreatedAt: at, ID: string(drawSeed(t, "seed").OrderID(at))}
		got, ok := checkout.ParseCursor(c.String())
		if !ok || got.ID != c.ID || !got.CreatedAt.Equal(at) {
			t.Fatalf("%v came back as %v, %v", c, got, ok)
		}
	})
}

// FuzzParseCursor: what is accepted is the one text of its place.
func FuzzParseCursor(f *testing.F) {
	f.Add(checkout.Cursor{CreatedAt: noon, ID: "sess_1"}.String())
	f.Add("1.")
	f.Add("")
	f.Add("2." + base64.RawURLEncoding.EncodeToString([]byte("a.2026-03-01T12:00:00Z")))
	f.Add("1." + base64.RawURLEncoding.EncodeToString([]byte("a.2026-03-01T12:00:00.000Z")))
	f.Add("1." + base64.RawURLEncoding.EncodeToString([]byte("a.0000-01-01T00:00:00+23:59")))
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := checkout.ParseCursor(text)
		if ok && (c.String() != text || c.ID == "" || c.CreatedAt.Location() != time.UTC) {
			t.Errorf("%q is taken for %v", text, c)
		}
	})
}
