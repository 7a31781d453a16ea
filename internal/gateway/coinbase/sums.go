package coinbase

import (
	"cmp"
	"encoding/json"

	"github.com/sliproad/sliproad/internal/gateway"
)

// sum is an amount with its currency. The live API has it in "value", the documentation's examples in "amount", and headless
// orders have the bare amount.
type sum struct {
	gateway.Digits
	currency string
}

func (s *sum) UnmarshalJSON(raw []byte) error {
	if raw[0] != '{' {
		return json.Unmarshal(raw, &s.Digits)
	}
	var object struct {
		Value    gateway.Digits `json:"value"`
		Amount   gateway.Digits `json:"amount"`
		Currency string         `json:"currency"`
	}
	err := json.Unmarshal(raw, &object)
	s.Digits, s.currency = cmp.Or(object.Value, object.Amount), object.Currency
	return err
}

// looseSum is a sum that may have any form: what can't be read is none.
type looseSum struct{ sum }

func (s *looseSum) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, &s.sum) != nil {
		s.sum = sum{}
	}
	return nil
}
