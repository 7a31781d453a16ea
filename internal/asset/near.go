package asset

import "errors"

var errNEAR = errors.New("expected 2 to 64 of a to z, 0 to 9, with single . - _ between them")

// near is the form of NEAR: an account name or an implicit account. The rules of
// the protocol have no checksum, so that only the characters can be wrong.
type near struct{}

func (near) check(addr string) (Result, error) {
	if len(addr) < 2 || len(addr) > 64 {
		return Result{}, errNEAR
	}
	separated := true // a separator may come neither first nor after another
	for i := range len(addr) {
		c := addr[i]
		separator := c == '.' || c == '-' || c == '_'
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if (!letter && !separator) || (separator && separated) {
			return Result{}, errNEAR
		}
		separated = separator
	}
	if separated {
		return Result{}, errNEAR
	}
	return Result{}, nil
}
