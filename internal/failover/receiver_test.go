package failover_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
)

// receiver is a partner's backend. Some of its answers are slow, so that a server which is killed has some under way.
type receiver struct {
	mu  sync.Mutex
	got map[string]*received // by event
}

// received is what was told of one event.
type received struct {
	Type string
	Data struct {
		Order   *struct{ ID, Status, SessionID string }
		Session *struct{ ID, Status string }
	}
	times int
}

const slowAnswer = 300 * time.Millisecond

func startReceiver(t *testing.T, f *fleet) *receiver {
	t.Helper()
	r := &receiver{got: map[string]*received{}}
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the server was killed while it was sending
		}
		var m received
		if err := json.Unmarshal(body, &m); err != nil {
			t.Errorf("a webhook that is no JSON: %q", body)
			return
		}
		id := req.Header.Get("Webhook-Id")
		r.mu.Lock()
		n++
		slow := n%20 == 0
		if was, ok := r.got[id]; ok {
			was.times++
		} else {
			m.times = 1
			r.got[id] = &m
		}
		r.mu.Unlock()
		if slow {
			select {
			case <-time.After(slowAnswer):
			case <-req.Context().Done():
			}
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	secret, _ := f.nodes[0].client(false)
	must(secret.CreateWebhook(t.Context(), api.CreateWebhookRequest{
		URL: server.URL, Events: []string{"*", "session.created", "session.confirmed", "session.cancelled"},
	}))(t)
	return r
}

// all are the events so far.
func (r *receiver) all() map[string]received {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]received, len(r.got))
	for id, m := range r.got {
		all[id] = *m
	}
	return all
}
