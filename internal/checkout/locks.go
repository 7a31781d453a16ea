package checkout

import (
	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/money"
)

// Lockable is a member of a session that can be locked (contract §2.2).
type Lockable int

// The lockable members, in the order of the contract.
const (
	LockDestinationAddress Lockable = iota
	LockNetwork
	LockDestinationCurrency
	LockSourceAmount
	LockSourceCurrency
	lockables
)

var lockNames = [lockables]string{"destinationAddress", "network", "destinationCurrency", "sourceAmount", "sourceCurrency"}

func (l Lockable) String() string { return lockNames[l] }

// ParseLockable finds a lockable member by its name on the wire.
func ParseLockable(name string) (Lockable, bool) {
	for i, n := range lockNames {
		if n == name {
			return Lockable(i), true
		}
	}
	return 0, false
}

// Lock is the effective lock of one member. The zero value is "no lock".
type Lock struct {
	Set    bool // locked by a given value, or named in fieldLocks
	Locked bool
	Min    money.Amount // sourceAmount only; inclusive; may be unset
	Max    money.Amount
}

// Ranged tells whether the lock allows a range rather than a value.
func (l Lock) Ranged() bool { return l.Min.IsSet() || l.Max.IsSet() }

// admits tells whether the amount lies in the range.
func (l Lock) admits(a money.Amount) bool {
	return (!l.Min.IsSet() || a.Cmp(l.Min) >= 0) && (!l.Max.IsSet() || a.Cmp(l.Max) <= 0)
}

// rangeText says what the range allows, for an error.
func (l Lock) rangeText() string {
	switch {
	case !l.Max.IsSet():
		return "must be at least " + l.Min.String()
	case !l.Min.IsSet():
		return "must be at most " + l.Max.String()
	}
	return "must be between " + l.Min.String() + " and " + l.Max.String()
}

// FieldLocks are the effective locks of a session, by Lockable.
type FieldLocks [lockables]Lock

// LockInput is one member of a request's fieldLocks.
type LockInput struct {
	Member Lockable
	Locked *bool
	Min    money.Amount
	Max    money.Amount
}

// given holds what a request gives for the lockable members.
type given struct {
	text   [lockables]string
	amount money.Amount
}

func (g given) has(m Lockable) bool {
	if m == LockSourceAmount {
		return g.amount.IsSet()
	}
	return g.text[m] != ""
}

// effectiveLocks applies fieldLocks over the automatic locks (contract §2.2).
func effectiveLocks(p *Problems, g given, inputs []LockInput) FieldLocks {
	var locks FieldLocks
	for m := range lockables {
		if g.has(m) {
			locks[m] = Lock{Set: true, Locked: true}
		}
	}
	for _, in := range inputs {
		field := "fieldLocks." + in.Member.String()
		lock := Lock{Set: true, Min: in.Min, Max: in.Max}
		switch {
		case in.Locked != nil:
			lock.Locked = *in.Locked
		case lock.Ranged():
			lock.Locked = true
		case !p.Has(field):
			p.Add(field+".locked", "is required: true or false")
		}
		checkLock(p, field, lock, in.Member, g)
		locks[in.Member] = lock
	}
	return locks
}

func checkLock(p *Problems, field string, lock Lock, m Lockable, g given) {
	if p.Has(field) || p.Has(m.String()) {
		return
	}
	if lock.Ranged() {
		switch {
		case m != LockSourceAmount:
			p.Add(field, "takes no min or max; only sourceAmount has a range")
		case lock.Min.IsSet() && lock.Max.IsSet() && lock.Min.Cmp(lock.Max) > 0:
			p.Add(field, "has a min greater than its max")
		case g.amount.IsSet() && !lock.admits(g.amount):
			p.Add(m.String(), lock.rangeText()+", the range of its lock")
		}
		return
	}
	if lock.Locked && !g.has(m) {
		p.Add(field, "is locked, but "+m.String()+" has no value; give the value or, for sourceAmount, a min or max")
	}
}

// checkText notes a problem where the value contradicts the lock of a text member. The field is the request's name for it.
func (s *Session) checkText(p *Problems, m Lockable, field, value string) {
	if lock := s.FieldLocks[m]; !lock.Locked || value == "" {
		return
	}
	want := s.text(m)
	same := want == value // currencies and networks are folded on their way in
	if m == LockDestinationAddress {
		same = asset.SameAddress(want, value)
	}
	if !same {
		p.Add(field, "is locked to "+want+" by the session")
	}
}

// checkAmount notes a problem where the amount contradicts the lock of sourceAmount.
func (s *Session) checkAmount(p *Problems, field string, value money.Amount) {
	lock := s.FieldLocks[LockSourceAmount]
	switch {
	case lock.Ranged():
		if !lock.admits(value) {
			p.Add(field, lock.rangeText()+", the range the session allows")
		}
	case lock.Locked && !value.Equal(s.SourceAmount):
		p.Add(field, "is locked to "+s.SourceAmount.String()+" by the session")
	}
}

func (s *Session) text(m Lockable) string {
	switch m {
	case LockDestinationAddress:
		return s.DestinationAddress
	case LockNetwork:
		return s.Network
	case LockDestinationCurrency:
		return s.DestinationCurrency
	case LockSourceCurrency:
		return s.SourceCurrency
	default:
		return s.SourceAmount.String()
	}
}
