package store

import (
	"fmt"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
)

// decodeLocks reads what encodeLocks wrote.
func decodeLocks(text string, to *checkout.FieldLocks) error {
	for text != "" {
		var one string
		one, text, _ = strings.Cut(text, ",")
		if len(one) < 2 || one[0] < 'a' || int(one[0]-'a') >= len(to) {
			return fmt.Errorf("store: bad field lock %q", one)
		}
		lock := &to[one[0]-'a']
		lock.Set, lock.Locked = true, one[1] == '+'
		if len(one) == 2 {
			continue
		}
		low, high, _ := strings.Cut(one[2:], ":")
		if err := scanAmount(low, &lock.Min); err != nil {
			return err
		}
		if err := scanAmount(high, &lock.Max); err != nil {
			return err
		}
	}
	return nil
}
