package banxa

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
	"github.com/sliproad/sliproad/internal/money"
)

// call makes a call with the account's key. Answers come bare or as the member data of an object, and errors that have the
// status of success as its member errors, as Banxa's own SDK reads them (BanxaOfficial/javascript-native-payments-sdk).
func (a *account) call(ctx context.Context, r gatewaycall.Request, into any) error {
	client := gatewaycall.Client{HTTP: a.http, Secrets: []string{a.apiKey, a.apiSecret}}
	r.Header = http.Header{"X-Api-Key": {a.apiKey}}
	var raw json.RawMessage
	if err := client.JSON(ctx, r, &raw); err != nil {
		return err
	}
	if raw = bytes.TrimSpace(raw); len(raw) > 0 && raw[0] == '{' {
		var wrapped struct {
			Data   json.RawMessage `json:"data"`
			Errors json.RawMessage `json:"errors"`
		}
		if err := json.Unmarshal(raw, &wrapped); err != nil {
			return fmt.Errorf("banxa: the answer is not what was expected: %w", err)
		}
		if found := problemsOf(raw); len(found) > 0 && wrapped.Data == nil && wrapped.Errors != nil {
			return a.without(found)
		}
		if wrapped.Data != nil {
			raw = wrapped.Data
		}
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("banxa: the answer is not what was expected: %w", err)
	}
	return nil
}

// figure is a number or a text that may be one; null is empty.
type figure string

// UnmarshalJSON takes what JSON has for one thing: null, a text, a number.
func (f *figure) UnmarshalJSON(raw []byte) error {
	switch text := ""; {
	case string(raw) == "null":
		*f = ""
		return nil
	case raw[0] == '"':
		err := json.Unmarshal(raw, &text)
		*f = figure(text)
		return err
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		*f = figure(raw)
		return nil
	}
	return errors.New("must be a text or a number")
}

// amount is what it says, without the zeros at its end: Banxa writes 67.1000000000000000.
func (f figure) amount() (money.Amount, error) {
	text := string(f)
	if strings.Trim(text, "0123456789.") == "" && strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return gateway.Number(json.Number(text))
}

// problem is one thing that Banxa finds wrong.
type problem struct {
	Code    figure `json:"code"`
	Message string `json:"message"`
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Field   string `json:"field"`
}

func (p problem) text() string {
	for _, text := range []string{p.Message, p.Detail, p.Title} {
		if text != "" {
			return text
		}
	}
	return ""
}

type problems []problem

func (p problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = strings.TrimSpace(string(one.Code) + " " + one.text())
	}
	return "banxa: the answer is a refusal: " + strings.Join(lines, "; ")
}

// without leaves out the words that repeat a secret.
func (a *account) without(found problems) problems {
	for i, p := range found {
		if text := p.text() + p.Field + string(p.Code); strings.Contains(text, a.apiKey) || strings.Contains(text, a.apiSecret) {
			found[i] = problem{Message: "[hidden]"}
		}
	}
	return found
}

// problemsOf reads the errors of an answer, of which the documentation names the codes and no form: those that have been
// seen are a list, one object, and the answer itself.
func problemsOf(body []byte) problems {
	var answer struct {
		Errors json.RawMessage `json:"errors"`
		Error  json.RawMessage `json:"error"`
	}
	_ = json.Unmarshal(body, &answer) // what can't be read has no problems in it
	for _, raw := range []json.RawMessage{answer.Errors, answer.Error, body} {
		var list problems
		var one problem
		if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
			return list
		}
		if json.Unmarshal(raw, &one) == nil && (one.Code != "" || one.text() != "") {
			return problems{one}
		}
	}
	return nil
}

// refusal is the error for the payer, where the answer is a refusal of what was asked, for a reason that they could change.
// https://docs.banxa.com/products/hosted-checkout/docs/reference/error-codes
func (a *account) refusal(err error) error {
	var answer *gatewaycall.Error
	var found problems
	switch {
	case errors.As(err, &found):
	case errors.As(err, &answer) && (answer.Status == http.StatusBadRequest || answer.Status == http.StatusUnprocessableEntity):
		found = a.without(problemsOf(answer.Body))
	}
	for _, p := range found {
		if refused := refused(p); refused != nil {
			return refused
		}
	}
	return err
}

func refused(p problem) error {
	if p.Code == "5034" {
		return checkout.FailField(checkout.CodeInvalidCurrency, "cryptoCurrency", "is not available at Banxa in the payer's country")
	}
	return gateway.Refusal(name, p.Field, p.text())
}

// Probe asks for the countries, which takes the partner's reference and the key. The secret signs what Banxa sends, so that
// only a notification can show it wrong.
func (a *account) Probe(ctx context.Context) error {
	var countries json.RawMessage
	err := a.call(ctx, gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + "/countries"}, &countries)
	var answer *gatewaycall.Error
	if errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden || answer.Status == http.StatusNotFound) {
		return fmt.Errorf("banxa: partner and apiKey are not taken: see that they are of the account's environment: %w", err)
	}
	return err
}
