package gatewaytest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway"
	"github.com/sliproad/sliproad/internal/gateway/gatewaytest"
	"github.com/sliproad/sliproad/internal/gateway/moonpay"
)

// secretive holds for a secret what is none.
type secretive struct{ gateway.Gateway }

func (s secretive) Describe() gateway.Description {
	d := s.Gateway.Describe()
	d.Settings = slices.Clone(d.Settings)
	for i := range d.Settings {
		d.Settings[i].Secret = true
	}
	return d
}

// mistaken is a case of MoonPay that is wrong in one way for each of complaints.
func mistaken(t *testing.T) gatewaytest.Case {
	t.Helper()
	const key = "wk_test_key"
	remote := &gatewaytest.Remote{
		Provider: func(client *http.Client) gateway.Provider { return moonpay.New(client) },
		Account: gateway.Account{ProjectID: project, Mode: checkout.ModeTest, Settings: gateway.Settings{
			"apiKey": "pk_test_key", "secretKey": "sk_test_key", "webhookKey": key,
		}},
		Server: gatewaytest.Answer(http.StatusNotFound, `{}`), Another: gateway.Settings{"webhookKey": key},
	}
	g, err := remote.Provider(nil).Open(remote.Account)
	if err != nil {
		t.Fatal(err)
	}
	return gatewaytest.Case{
		Gateway: secretive{g}, Remote: remote, SignatureHeader: "Moonpay-Signature-V2", Unknown: "completed", Now: now,
		Order: checkout.Order{
			ID: "ord_01", Type: checkout.Buy, FiatAmount: amount("100.00"), FiatCurrency: "USD", CryptoCurrency: "ETH", Network: "ethereum",
			WalletAddress: "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
		},
		Statuses: []gatewaytest.Status{
			{Theirs: "waitingPayment", Ours: checkout.OrderProcessing},
			{Theirs: "completed", Ours: checkout.OrderCompleted},
		},
		Checkouts: []gatewaytest.Checkout{
			{URL: "https://buy-sandbox.moonpay.com?baseCurrencyAmount=1.00", Sent: []gatewaytest.Call{{Method: "GET", URL: "https://api.moonpay.com/x"}}},
			{Sell: true},
		},
		Notify: func(o *checkout.Order, status, id string, at time.Time) gateway.Notification {
			kind := "transaction_updated"
			if o.Type == checkout.Sell {
				kind = "sell_" + kind
			}
			body := fmt.Sprintf(`{"type":%q,"data":{"id":"m-%s","status":%q,"externalTransactionId":%q,"updatedAt":%q}}`, kind, o.ID, status, o.ID, id)
			mac := hmac.New(sha256.New, []byte(key))
			fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
			return gateway.Notification{Body: []byte(body), Header: map[string][]string{
				"Moonpay-Signature-V2": {fmt.Sprintf("t=%d,s=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))},
			}}
		},
	}
}

// complaints are what must be found wrong, by where.
var complaints = map[string][]string{
	"checkout_buy":  {"the URL differs", "this request was not made"},
	"statuses_buy":  {"waitingPayment becomes pending, want processing", "the unknown status completed ends the order"},
	"statuses_sell": {"waitingPayment becomes pending, want processing"},
	"forged_buy":    {"to a project with another secret: 200"},
}

// TestOutside runs the case in a process of its own, and wants it to fail in the right places.
func TestOutside(t *testing.T) {
	t.Parallel()
	if os.Getenv(sabotageEnv) != "" {
		gatewaytest.Run(t, mistaken(t))
		return
	}
	if testing.Short() {
		t.Skip("-short: no server is started")
	}
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOutside$/^outside$")
	command.Env = append(os.Environ(), sabotageEnv+"=outside")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "a secret is told") {
		t.Errorf("no secret was found: %v", err)
	}
	for part, wrong := range complaints {
		if !strings.Contains(string(out), "--- FAIL: TestOutside/outside/"+part+" ") {
			t.Errorf("%s did not fail", part)
		}
		for _, text := range wrong {
			if !strings.Contains(string(out), text) {
				t.Errorf("%s did not complain that %s", part, text)
			}
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}
