package failover_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestPhantomAddress has a node read a session from an old primary, with an address that was confirmed there alone, and then
// write its order at the new one, where another address has been confirmed meanwhile. It must be that address's.
func TestPhantomAddress(t *testing.T) {
	t.Parallel()
	ha := pgtest.StartHA(t)
	f := startFleet(t, ha.URL(), 3)
	secret, _ := f.nodes[2].client(false)
	s := sliproadtest.Decode[api.Session](t, secret.Post(t, "/v1/sessions", api.CreateSessionRequest{
		ExternalCustomerID: "payer", SourceAmount: "100.00", SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
	}))
	path := "/v1/sessions/" + s.ID
	post := func(n *node, path string, body any) chan sliproadtest.Answer {
		c, _ := n.client(true)
		answer := make(chan sliproadtest.Answer, 1)
		go func() {
			a, _ := c.Do(context.Background(), http.MethodPost, path, body) // no answer is no 2xx
			answer <- a
		}()
		return answer
	}
	confirm := func(n *node, address string) chan sliproadtest.Answer {
		return post(n, path+"/confirm", api.ConfirmSessionRequest{ClientSecret: s.Attributes.ClientSecret, DestinationAddress: address})
	}
	for _, n := range f.nodes {
		c, _ := n.client(false)
		c.Get(t, path)
	}

	ha.Candidate()
	phantom := confirm(f.nodes[0], otherWallet)
	reader, _ := f.nodes[1].client(false)
	if !await(8*time.Second, func() bool { return strings.Contains(string(reader.Get(t, path).Body), otherWallet) }) {
		t.Log("the old primary did not show the address in time")
	}
	f.kill(f.nodes[0]) // which could try again at the new primary
	ordered := post(f.nodes[1], path+"/order", f.orderOf(s))
	ha.Zombie()
	confirmed := <-confirm(f.nodes[2], wallet)
	<-ordered
	if a := <-phantom; a.OK() || !confirmed.OK() {
		t.Errorf("confirmed on the old primary: %v; on the new one: %v", a, confirmed)
	}
	f.awaitReady(true, 30*time.Second)
	now := sliproadtest.Decode[api.Session](t, secret.Get(t, path)).Attributes
	if now.OrderID == nil {
		sliproadtest.Decode[api.CreatedOrder](t, <-post(f.nodes[1], path+"/order", f.orderOf(s)))
		now = sliproadtest.Decode[api.Session](t, secret.Get(t, path)).Attributes
	}
	made := sliproadtest.Decode[resource](t, secret.Get(t, "/v1/orders/"+*now.OrderID))
	if made.text("walletAddress") != wallet || now.DestinationAddress == nil || *now.DestinationAddress != wallet {
		t.Errorf("confirmed was %s; the order pays to %s, and the session has %v", wallet, made.text("walletAddress"), *now.DestinationAddress)
	}
}
