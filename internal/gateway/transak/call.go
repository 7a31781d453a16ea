package transak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gatewaycall"
)

// milliseconds: a time from here on is in milliseconds. The documentation has seconds, but others have met both; taken for
// seconds, such a token would never be renewed in time.
const milliseconds = 100_000_000_000

// tokenName is the access token's in gateway.Tokens.
const tokenName = "access-token"

// header is what every call carries, https://docs.transak.com/guides/mandatory-security-changes: the key and, where a payer
// stands behind the call, their address, which must be the one from which the widget is opened.
func (a *account) header(payer netip.Addr) http.Header {
	h := http.Header{"X-Api-Key": {a.apiKey}}
	if payer.IsValid() {
		h.Set("X-User-Ip", payer.Unmap().WithZone("").String())
	}
	return h
}

// public makes a call that needs no token.
func (a *account) public(ctx context.Context, r gatewaycall.Request, into any) error {
	client := gatewaycall.Client{HTTP: a.http, Secrets: []string{a.apiSecret}}
	return client.JSON(ctx, r, into)
}

var errNoTokens = errors.New("transak: there is no place for the access token, without which Transak can't be asked")

// authorised makes a call with the access token. One that Transak doesn't take is rejected, once, and the call made again:
// whoever else uses the same API key may have got a new token, which ended ours.
func (a *account) authorised(ctx context.Context, r gatewaycall.Request, into any) error {
	if a.Tokens == nil {
		return errNoTokens
	}
	for attempt := 1; ; attempt++ {
		token, err := a.Tokens.Current(ctx, tokenName, a.renew)
		if err != nil {
			return fmt.Errorf("transak: no access token: %w", err)
		}
		r.Header.Set("Access-Token", token)
		client := gatewaycall.Client{HTTP: a.http, Secrets: []string{a.apiSecret, token}}
		err = client.JSON(ctx, r, into)
		var answer *gatewaycall.Error
		if attempt == 2 || !errors.As(err, &answer) || answer.Status != http.StatusUnauthorized {
			return err
		}
		if err := a.Tokens.Reject(ctx, tokenName, token); err != nil {
			return fmt.Errorf("transak: the access token is not taken, and can't be given up: %w", err)
		}
	}
}

// renew gets an access token, for seven days; the one before ends with it.
// https://docs.transak.com/guides/how-to-create-partner-access-token
func (a *account) renew(ctx context.Context) (gateway.Token, error) {
	var answer struct {
		Data struct {
			AccessToken string      `json:"accessToken"`
			ExpiresAt   json.Number `json:"expiresAt"`
		} `json:"data"`
	}
	r := gatewaycall.Request{
		Method: http.MethodPost, URL: a.apiURL + "/partners/api/v2/refresh-token", Header: a.header(netip.Addr{}), Private: true,
		Body: map[string]string{"apiKey": a.apiKey},
	}
	r.Header.Set("Api-Secret", a.apiSecret)
	if err := a.public(ctx, r, &answer); err != nil {
		return gateway.Token{}, err
	}
	expires, err := answer.Data.ExpiresAt.Int64()
	if err != nil || expires <= 0 || !keyForm.MatchString(answer.Data.AccessToken) {
		return gateway.Token{}, errors.New("transak: the answer has no accessToken with the time at which it expires")
	}
	ends := time.Unix(expires, 0)
	if expires >= milliseconds {
		ends = time.UnixMilli(expires)
	}
	return gateway.Token{Value: answer.Data.AccessToken, Expires: ends}, nil
}

// Probe asks for a list of orders, which takes the key, the secret and a server's address that Transak knows.
func (a *account) Probe(ctx context.Context) error {
	r := gatewaycall.Request{Method: http.MethodGet, URL: a.apiURL + "/partners/api/v2/orders?limit=1", Header: a.header(netip.Addr{})}
	err := a.authorised(ctx, r, nil)
	var answer *gatewaycall.Error
	if errors.As(err, &answer) && (answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden) {
		return fmt.Errorf("transak: apiKey and apiSecret are not taken: see that they are of the account's environment, and that Transak has this server's addresses on its list: %w", err)
	}
	return err
}
