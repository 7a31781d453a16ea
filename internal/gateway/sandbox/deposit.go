package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/sliproad/sliproad/internal/asset"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/money"
)

// DepositTime is how long the payer has to send the crypto.
const DepositTime = 15 * time.Minute

// deposit is where the crypto of a sale is to be sent, in a notification.
type deposit struct {
	Address string          `json:"address"`
	Tag     string          `json:"tag,omitempty"`
	Amount  json.RawMessage `json:"amount"`
	Until   string          `json:"until"`
}

func deposits(o *checkout.Order) bool {
	return o.Type == checkout.Sell && strings.EqualFold(o.Email, EmailDeposit)
}

// TellsDeposit tells whether the payer of the order is to be told next where to send the crypto.
func (g *Gateway) TellsDeposit(o *checkout.Order) bool { return deposits(o) && o.Deposit == nil }

// depositOf makes up where the order's crypto is to be sent: the same for each time, until DepositTime from now. No wallet takes
// the address, lest somebody sends something.
func depositOf(o *checkout.Order, now time.Time) *deposit {
	sum := sha256.Sum256([]byte("sandbox deposit " + o.ID))
	d := &deposit{Address: "SANDBOX-" + hex.EncodeToString(sum[:16]), Until: now.UTC().Add(DepositTime).Format(timeForm)}
	if network, _ := asset.LookupNetwork(o.Network); network.TagName() != "" {
		d.Tag = strconv.FormatUint(uint64(binary.BigEndian.Uint32(sum[16:])), 10)
	}
	d.Amount, _ = json.Marshal(cryptoAmount(o)) // an amount is digits
	return d
}

func (d *deposit) told() (*checkout.Deposit, error) {
	for _, text := range []string{d.Address, d.Tag} {
		if len(text) > maxTextBytes || strings.ContainsRune(text, 0) {
			return nil, errors.New("a text has a NUL or more than " + strconv.Itoa(maxTextBytes) + " bytes")
		}
	}
	amount, err := money.ParseJSON(d.Amount)
	if err != nil {
		return nil, err
	}
	until, err := time.Parse(timeForm, d.Until)
	if err != nil || d.Address == "" {
		return nil, errors.Join(err, errors.New("address and until are required"))
	}
	return &checkout.Deposit{Address: d.Address, Tag: d.Tag, Amount: amount, Until: until}, nil
}
