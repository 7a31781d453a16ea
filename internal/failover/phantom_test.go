package failover_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/gateway/sandbox"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/sliproadtest"
	"github.com/sliproad/sliproad/internal/vault"
)

// TestPhantom has servers that know of one PostgreSQL only, which becomes an old primary: it has lost its standbys, so that
// a commit waits in vain and, once its client has given up, is visible there and nowhere else. Whoever finds it there, by
// repeating the request, must not be told that it is done; because then a standby is promoted, and it isn't.
func TestPhantom(t *testing.T) {
	t.Parallel()
	ha := pgtest.StartHA(t)
	const deedCount = 3 // no more than a node commits side by side
	f := startFleet(t, ha.Node(0).URL(""), 1+deedCount)
	deeds := [deedCount]*deed{f.cancellation(), f.confirmation(), f.notification()}
	another := func(i int) *node { return f.nodes[1+i] } // each meets the old primary for itself
	for i, d := range deeds {
		another(i).get(t, d)
	}

	ha.Candidate() // cuts the standbys off
	send(deeds[:], func(int) *node { return f.nodes[0] })
	for i, d := range deeds {
		if d.done != nil || !another(i).get(t, d) {
			t.Errorf("%s: %v; it should have failed, and be done on the old primary: this tests nothing", d.path, d.last)
		}
	}
	send(deeds[:], another)
	ha.Zombie()
	now := startFleet(t, ha.URL(), 1, "SLIPROAD_MASTER_KEY="+f.MasterKey())
	now.SecretKey, now.PublicKey = f.SecretKey, f.PublicKey
	now.join(now.nodes[0])
	for _, d := range deeds {
		if d.done != nil && !now.nodes[0].get(t, d) {
			t.Errorf("LOST: %s was answered %v, and is not done", d.path, d.done)
		}
	}
	send(deeds[:], func(int) *node { return now.nodes[0] })
	for _, d := range deeds {
		if d.done == nil || !now.nodes[0].get(t, d) {
			t.Errorf("%s can't be done any more: %v", d.path, d.last)
		}
	}
}

// TestIdleNode has a node that has nothing to write leave an old primary too: what others write meanwhile is there for it.
func TestIdleNode(t *testing.T) {
	t.Parallel()
	ha := pgtest.StartHA(t)
	f := startFleet(t, ha.URL(), 2)
	idle, _ := f.nodes[1].client(false)
	sliproadtest.Decode[api.Session](t, idle.Get(t, "/v1/sessions/"+f.session().ID))
	ha.Zombie()
	f.nodes[1].hold() // so that nobody asks it whether it is ready
	f.awaitReady(true, 30*time.Second)
	path := "/v1/sessions/" + f.session().ID
	began := time.Now()
	if !await(15*time.Second, func() bool { return idle.Get(t, path).OK() }) {
		t.Error("a node that does not write still reads from an old primary, 15 s after another was promoted")
	}
	t.Logf("the idle node met the new primary after %v", time.Since(began).Round(time.Millisecond))
}

// get tells whether the deed is done, as this node sees it.
func (n *node) get(t *testing.T, d *deed) bool {
	t.Helper()
	c, _ := n.client(false)
	a := c.Get(t, d.subject)
	return a.OK() && strings.Contains(string(a.Body), d.sign)
}

// deed is a request that changes something, and where the change is seen.
type deed struct {
	path    string
	public  bool
	body    any
	header  []string
	subject string // what is read
	sign    string // what is then in it

	done *sliproadtest.Answer // the first answer that said so
	last any
}

// send sends the requests at once, each to its node, and waits for the answers.
func send(deeds []*deed, to func(i int) *node) {
	var all sync.WaitGroup
	for i, d := range deeds {
		all.Go(func() {
			c, _ := to(i).client(d.public)
			a, err := c.Do(context.Background(), http.MethodPost, d.path, d.body, d.header...)
			d.last = a
			switch {
			case err != nil:
				d.last = err
			case a.OK() && d.done == nil:
				d.done = &a
			}
		})
	}
	all.Wait()
}

func (f *fleet) session() *api.Session {
	f.t.Helper()
	c, _ := f.nodes[0].client(false)
	return sliproadtest.Decode[api.Session](f.t, c.Post(f.t, "/v1/sessions", api.CreateSessionRequest{
		ExternalCustomerID: "payer", SourceAmount: "100.00", SourceCurrency: "USD", DestinationCurrency: "ETH", Network: "ethereum",
		DestinationAddress: wallet,
	}))
}

func (f *fleet) cancellation() *deed {
	path := "/v1/sessions/" + f.session().ID
	return &deed{path: path + "/cancel", subject: path, sign: `"status":"cancelled"`}
}

func (f *fleet) confirmation() *deed {
	s := f.session()
	path := "/v1/sessions/" + s.ID
	return &deed{
		path: path + "/confirm", public: true, subject: path, sign: `"status":"confirmed"`,
		body: api.ConfirmSessionRequest{ClientSecret: s.Attributes.ClientSecret},
	}
}

func (f *fleet) orderOf(s *api.Session) api.CreateOrderRequest {
	return api.CreateOrderRequest{ClientSecret: s.Attributes.ClientSecret, FiatAmount: "100.00", CryptoCurrency: "ETH", Network: "ethereum"}
}

// notification is what a gateway sends, and sends again until it is told that it has arrived.
func (f *fleet) notification() *deed {
	f.t.Helper()
	s := f.session()
	c, _ := f.nodes[0].client(false)
	order := sliproadtest.Decode[api.CreatedOrder](f.t, c.Post(f.t, "/v1/sessions/"+s.ID+"/order", f.orderOf(s)))
	g := sandbox.New(f.URL, must(vault.Parse(f.MasterKey()))(f.t))
	n := g.Notify(&checkout.Order{ID: checkout.OrderID(order.ID), ProjectID: checkout.ProjectID(f.ProjectID)}, checkout.OrderProcessing, "sbxn_phantom", time.Now())
	return &deed{
		path: n.Path, body: n.Body, header: []string{sandbox.SignatureHeader, n.Header[sandbox.SignatureHeader][0]},
		subject: "/v1/orders/" + order.ID, sign: `"status":"processing"`,
	}
}

// TestPhantomCustomer has two nodes meet a customer that only an old primary believes in. Afterwards it must be the same
// customer for every node, and one that is there.
func TestPhantomCustomer(t *testing.T) {
	t.Parallel()
	ha := pgtest.StartHA(t)
	f := startFleet(t, ha.URL(), 3)
	create := func(n *node, in api.CreateSessionRequest) sliproadtest.Answer {
		c, _ := n.client(false)
		return c.Post(t, "/v1/sessions", in)
	}
	named := api.CreateSessionRequest{ExternalCustomerID: "phantom"}
	f.session() // both nodes are connected
	ha.Candidate()
	var both sync.WaitGroup
	for _, n := range f.nodes[:2] {
		both.Go(func() { t.Logf("on the old primary: %d", create(n, named).Status) })
	}
	both.Wait()
	ha.Zombie()
	f.awaitReady(true, 30*time.Second)
	var first string
	for i, n := range f.nodes {
		s := sliproadtest.Decode[api.Session](t, create(n, named))
		if i == 0 {
			first = s.Attributes.CustomerID
		}
		if s.Attributes.CustomerID != first {
			t.Errorf("%s: the customer is %s; on the first node it was %s", n.name, s.Attributes.CustomerID, first)
		}
		if a := create(n, api.CreateSessionRequest{CustomerID: s.Attributes.CustomerID}); !a.OK() {
			t.Errorf("%s: a session by the customerId that was told: %v", n.name, a)
		}
	}
}
