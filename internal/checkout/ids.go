package checkout

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// Ids are distinct types, so that one can't be given for another.
type (
	// ProjectID is a UUID.
	ProjectID string
	// CustomerID is a UUID.
	CustomerID string
	// SessionID is "sess_" and 37 characters.
	SessionID string
	// OrderID is "ord_" and 37 characters.
	OrderID string
	// EventID is "evt_" and 37 characters.
	EventID string
	// KeyID is "key_" and 37 characters; it names an API key and is not secret.
	KeyID string
)

// Storable tells whether every engine can keep the text: PostgreSQL takes neither a zero byte nor what is not UTF-8. Nothing
// that is kept has a name that isn't storable, so that a request for one has an answer before the database is asked.
func Storable(text string) bool { return strings.IndexByte(text, 0) < 0 && utf8.ValidString(text) }

// Legible is the text as every engine can keep it, for one that comes from somebody else and must not get lost: what is not
// storable becomes U+FFFD.
func Legible(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// crockford is base32 in ASCII order, so that encoded ids sort as their bytes do.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Seed is the randomness of one call. Every id that the call makes is derived from it, so that a call that is carried
// out a second time under the same idempotency key (its first node died) makes the same ids and finds what it had
// already written.
type Seed [16]byte

// derive returns 32 bytes that only the holder of the seed can foretell; n tells apart ids of one kind.
func (s Seed) derive(kind string, n int) [32]byte {
	buf := make([]byte, 0, 64)
	buf = append(buf, s[:]...)
	buf = binary.BigEndian.AppendUint32(buf, uint32(n))
	buf = append(buf, kind...)
	return sha256.Sum256(buf)
}

// stamped makes an id whose text order is the order of creation: 56 bits of microseconds, then 128 unguessable bits.
func (s Seed) stamped(prefix string, n int, at time.Time) string {
	random := s.derive(prefix, n)
	return stamp(prefix, [16]byte(random[:]), at)
}

func stamp(prefix string, random [16]byte, at time.Time) string {
	var raw [23]byte
	var micros [8]byte
	binary.BigEndian.PutUint64(micros[:], uint64(at.UnixMicro()))
	copy(raw[:7], micros[1:])
	copy(raw[7:], random[:])
	return prefix + crockford.EncodeToString(raw[:])
}

// uuid makes a version 7 UUID: 48 bits of milliseconds, then 74 random bits. Rows of new customers then stand together
// in their indexes, which halves the pages that a commit writes.
func (s Seed) uuid(kind string, at time.Time) string {
	b := s.derive(kind, 0)
	var millis [8]byte
	binary.BigEndian.PutUint64(millis[:], uint64(at.UnixMilli()))
	copy(b[:6], millis[2:])
	b[6] = b[6]&0x0f | 0x70
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:36], b[10:16])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// SessionID is the id of the session that the call creates at the time given.
func (s Seed) SessionID(at time.Time) SessionID { return SessionID(s.stamped("sess_", 0, at)) }

// OrderID is the id of the order that the call creates at the time given.
func (s Seed) OrderID(at time.Time) OrderID { return OrderID(s.stamped("ord_", 0, at)) }

// EventID is the id of the n-th event that the call emits, for a change at the time given.
func (s Seed) EventID(n int, at time.Time) EventID { return EventID(s.stamped("evt_", n, at)) }

// FirstEventID is no greater than the id of any event of the time given or later, and greater than those of all before.
func FirstEventID(at time.Time) EventID {
	return EventID(stamp("evt_", [16]byte{}, at))
}

// KeyID is the id of the n-th API key that the call makes.
func (s Seed) KeyID(n int, at time.Time) KeyID { return KeyID(s.stamped("key_", n, at)) }

// CustomerID is the id of the customer that the call may create at the time given.
func (s Seed) CustomerID(at time.Time) CustomerID { return CustomerID(s.uuid("customer", at)) }

// ProjectID is the id of the project that the call creates at the time given.
func (s Seed) ProjectID(at time.Time) ProjectID { return ProjectID(s.uuid("project", at)) }

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// ParseUUID returns the UUID in lower case and whether it has a UUID's form.
func ParseUUID(s string) (string, bool) {
	if !uuidForm.MatchString(s) {
		return "", false
	}
	return strings.ToLower(s), true
}

// Bucket is the bucket, 0 to 63, of a row with the id: a share of a table that a worker can claim, and by which a
// project too large for one shard could be split.
func Bucket(id string) int {
	sum := sha256.Sum256([]byte(id))
	return int(sum[0] & 63)
}
