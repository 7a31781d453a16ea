package store_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// relay stands between the store and PostgreSQL, as a network does, and fails like one.
type relay struct {
	target   string
	listener net.Listener
	mu       sync.Mutex
	conns    []*relayed
}

// relayed is a connection through the relay.
type relayed struct {
	client, server net.Conn
	mu             sync.Mutex
	fault          fault
	held           []byte
	drained        chan struct{} // closed when the server has closed its side
}

// fault is what becomes of what goes through a connection.
type fault int

const (
	passes      fault = iota
	losesAnswer       // what is asked arrives; the answer is lost, with the connection
	stalls            // nothing goes through any more, and nobody is told
	losesAsked        // what is asked is lost, with the connection
	holdsAsked        // what is asked is lost for now, with the connection to the client; release delivers it
)

// newRelay starts a relay to the URL's server, and returns it with the URL through it.
func newRelay(t *testing.T, target string) (r *relay, through string) {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	r = &relay{target: u.Host}
	if r.listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			client, err := r.listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.serve(client) })
		}
	})
	t.Cleanup(func() {
		_ = r.listener.Close()
		r.mu.Lock()
		for _, c := range r.conns {
			_, _ = c.client.Close(), c.server.Close()
		}
		r.mu.Unlock()
		all.Wait()
	})
	u.Host = r.listener.Addr().String()
	return r, u.String()
}

func (r *relay) serve(client net.Conn) {
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		_ = client.Close()
		return
	}
	c := &relayed{client: client, server: server, drained: make(chan struct{})}
	r.mu.Lock()
	r.conns = append(r.conns, c)
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { c.pump(client, server, true) })
	both.Go(func() {
		c.pump(server, client, false)
		close(c.drained)
	})
	both.Wait()
}

func (c *relayed) pump(from, to net.Conn, asks bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !c.pass(buf[:n], to, asks) {
			return
		}
		if err != nil {
			c.mu.Lock()
			keep := c.fault == holdsAsked && asks
			c.mu.Unlock()
			if !keep {
				_ = to.Close()
			}
			return
		}
	}
}

func (c *relayed) pass(piece []byte, to io.Writer, asks bool) (more bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.fault == stalls:
		return true
	case c.fault == losesAnswer && !asks:
		_ = c.client.Close()
		return false
	case c.fault == losesAsked && asks:
		_, _ = c.client.Close(), c.server.Close()
		return false
	case c.fault == holdsAsked && asks:
		c.held = append(c.held, piece...)
		_ = c.client.Close()
		return true
	case c.fault == holdsAsked:
		return true
	}
	_, err := to.Write(piece)
	return err == nil
}

// fail gives the fault to all connections there are; those that come later pass.
func (r *relay) fail(f fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.mu.Lock()
		c.fault = f
		c.mu.Unlock()
	}
}

// release delivers what was held, and waits until the server has dealt with it: until it has closed the connection.
func (r *relay) release(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		c.mu.Lock()
		held := c.held
		c.mu.Unlock()
		if held == nil {
			continue
		}
		if _, err := c.server.Write(held); err != nil {
			t.Error(err)
		}
		if err := c.server.(*net.TCPConn).CloseWrite(); err != nil {
			t.Error(err)
		}
		<-c.drained
	}
}
