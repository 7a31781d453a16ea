package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/httpapi"
)

type projectRouting struct {
	ID            string  `arg:"" help:"The project's id."`
	Set           *string `xor:"set" placeholder:"FILE" help:"Set the rules to those in the file; - reads standard input. All of them are replaced."`
	Clear         bool    `xor:"set" help:"Remove the rules: orders may go to any gateway, where the payer gets most."`
	databaseFlags `embed:""`
}

// Help is shown below the flags.
func (projectRouting) Help() string {
	return `Rules say which gateways an order may go to that leaves the choice to the server: by "gateway": "auto", or by the project's default gateway auto. The first rule that matches counts. Without flags it prints the rules. Running servers take a change up with the next order.

A rule has a name; "when": orderType (buy, sell), cryptoCurrencies, networks, fiatCurrencies, countries, minAmount, maxAmount, each of which may be left out; "gateways", only these, and "exclude", not these; "rankBy": price (what the payer gets; the default) or order (of the list).

Example:
  sliproad project routing 6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11 --set - <<'END'
  {"rules": [
    {"name": "large in euros", "when": {"fiatCurrencies": ["EUR"], "minAmount": "1000"}, "gateways": ["banxa", "transak"], "rankBy": "order"},
    {"name": "Mexico", "when": {"countries": ["MX"]}, "exclude": ["stripe"]}
  ]}
  END

To see what becomes of an order: sliproad gateway route --help`
}

func (c *projectRouting) Run(ctx context.Context, s streams) error {
	text, err := c.text()
	if err != nil {
		return err
	}
	return c.withApp(ctx, app.Config{Providers: providers(sandbox.New("", nil))}, func(a *app.App) error {
		id := checkout.ProjectID(c.ID)
		rules, err := a.RoutingRules(ctx, id)
		if err == nil && text != nil {
			rules, err = a.SetRoutingRules(ctx, id, text)
		}
		if checkout.CodeOf(err) == checkout.CodeNotFound {
			return noProject(c.ID)
		}
		if err != nil {
			return err
		}
		if rules.Rules == nil {
			rules.Rules = []checkout.RoutingRule{}
		}
		out := json.NewEncoder(s.out)
		out.SetIndent("", "  ")
		out.SetEscapeHTML(false)
		return out.Encode(rules)
	})
}

// text is what the rules are to be set to; nil: they stay.
func (c *projectRouting) text() ([]byte, error) {
	switch {
	case c.Clear:
		return []byte(`{"rules": []}`), nil
	case c.Set == nil:
		return nil, nil
	case *c.Set == "": // as by a variable that isn't set
		return nil, errors.New("--set: give a file, or - for standard input")
	case *c.Set == "-":
		return io.ReadAll(io.LimitReader(os.Stdin, checkout.MaxRoutingRulesBytes+1))
	}
	return os.ReadFile(*c.Set)
}

type gatewayRoute struct {
	Amount       string `required:"" help:"The fiat amount."`
	Fiat         string `required:"" placeholder:"CODE" help:"The fiat currency, such as USD."`
	Crypto       string `required:"" placeholder:"CODE" help:"The crypto currency, such as ETH."`
	Network      string `placeholder:"ID" help:"The chain. Default: the catalogue's for the currency."`
	Country      string `placeholder:"CODE" help:"The payer's country, ISO 3166-1 alpha-2. Default: unknown."`
	Sell         bool   `help:"An offramp order."`
	Wallet       string `placeholder:"ADDRESS" help:"The wallet address, which some gateways need to sell."`
	Tag          string `help:"The memo or destination tag of the wallet."`
	IP           string `name:"ip" placeholder:"ADDRESS" help:"The payer's address, which some gateways need to tell a price."`
	JSON         bool   `name:"json" help:"Print JSON: an order's routing as in the API, and the cause of each failure."`
	gatewayFlags `embed:""`
}

// Help is shown below the flags.
func (gatewayRoute) Help() string {
	return "It asks the gateways as an order with \"gateway\": \"auto\" would, and makes none. A gateway's health is known to the servers alone, and does not count here.\n\n" +
		"Example:\n  sliproad gateway route --project 6f1b7a3e-1d0f-4c55-9a0b-3f1f5c0c7d11 --amount 100 --fiat EUR --crypto USDC --network base --country DE"
}

func (c *gatewayRoute) Run(ctx context.Context, s streams) error {
	q := &app.RouteQuestion{WalletAddress: c.Wallet, WalletTag: c.Tag}
	q.ProjectID, q.FiatAmount, q.FiatCurrency, q.CryptoCurrency = &c.Project, &c.Amount, &c.Fiat, &c.Crypto
	kind := string(checkout.Buy)
	if c.Sell {
		kind = string(checkout.Sell)
	}
	q.OrderType = &kind
	if c.Network != "" {
		q.Network = &c.Network
	}
	if c.Country != "" {
		q.Country = &c.Country
	}
	if c.IP != "" {
		address, err := netip.ParseAddr(c.IP)
		if err != nil {
			return fmt.Errorf("--ip: %q is not an IP address, such as 203.0.113.7", c.IP)
		}
		q.Address = address.Unmap()
	}
	return c.withGateways(ctx, func(a *app.App) error {
		r, err := a.ExplainRoute(ctx, q)
		if r == nil {
			return byFlags(err)
		}
		if c.JSON {
			out := json.NewEncoder(s.out)
			out.SetEscapeHTML(false)
			if e := out.Encode(explainedRouteOf(r)); e != nil {
				return e
			}
			return err
		}
		if e := printRouting(s.out, r); e != nil {
			return e
		}
		return err
	})
}

// explainedRoute is an order's routing as the API presents it, with the causes of failures, which only the operator is told.
type explainedRoute struct {
	*api.Routing
	Candidates []explainedCandidate `json:"candidates"`
}

type explainedCandidate struct {
	api.RoutingCandidate
	Cause *string `json:"cause"`
}

func explainedRouteOf(r *checkout.Routing) explainedRoute {
	out := explainedRoute{Routing: httpapi.Routing(r), Candidates: []explainedCandidate{}}
	for i, c := range out.Routing.Candidates {
		one := explainedCandidate{RoutingCandidate: c}
		if cause := r.Candidates[i].Cause; cause != "" {
			one.Cause = &cause
		}
		out.Candidates = append(out.Candidates, one)
	}
	return out
}

// byFlags names what is wrong in the question as the command's flags do.
func byFlags(err error) error {
	told, ok := errors.AsType[*checkout.Error](err)
	if !ok || told.Code != checkout.CodeValidation {
		return err
	}
	flags := map[string]string{"projectId": "project", "fiatAmount": "amount", "fiatCurrency": "fiat", "cryptoCurrency": "crypto"}
	lines := []string{"no order can be like this:"}
	for _, f := range told.Fields {
		lines = append(lines, "  - --"+or(flags[f.Field], f.Field)+" "+f.Message)
	}
	return errors.New(strings.Join(lines, "\n"))
}

func printRouting(w io.Writer, r *checkout.Routing) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "GATEWAY\tOUTCOME\tCRYPTO\tFIAT\tFEES\tTOOK\tWHY")
	for _, c := range r.Candidates {
		crypto, fiat, fees, took := "-", "-", "-", "-"
		if c.Offer != nil {
			crypto, fiat, fees = c.Offer.CryptoAmount.String(), c.Offer.FiatAmount.String(), or(c.Offer.Fees.String(), "0")
		}
		if c.TookMS > 0 {
			took = fmt.Sprintf("%d ms", c.TookMS)
		}
		why := c.Message
		if c.Outcome == checkout.OutcomeChosen {
			why = strings.TrimSpace(reasons[r.Reason] + " " + why)
		}
		if c.Cause != "" {
			why += " (" + c.Cause + ")"
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Gateway, c.Outcome, crypto, fiat, fees, took, oneLine(why))
	}
	if r.Rule != "" {
		_, _ = fmt.Fprintf(t, "\nBy the rule %q, ranked by %s.\n", r.Rule, r.RankBy)
	}
	return t.Flush()
}

// reasons are the reasons of a choice, for people.
var reasons = map[checkout.RoutingReason]string{
	checkout.ReasonBestOffer:   "The payer gets most here.",
	checkout.ReasonPriority:    "It comes first by the rule, or of equal offers by its priority.",
	checkout.ReasonOnlyOne:     "No other takes the order.",
	checkout.ReasonNextInLine:  "Those before it made no checkout.",
	checkout.ReasonLastResort:  "It has failed lately, and no other takes the order.",
	checkout.ReasonWithoutRate: "Nobody told a price in time; it comes first by its priority.",
}
