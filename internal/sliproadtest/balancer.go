package sliproadtest

import (
	"io"
	"net"
	"sync"
)

// balancer leads each connection to the next node, and passes on its bytes as they are: whatever a test sends arrives. Like
// any balancer it passes by a node that takes no connection, and repeats nothing.
type balancer struct {
	listener net.Listener

	mu    sync.Mutex
	nodes []string // addresses; empty: down
	next  int
}

func newBalancer() (*balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{listener: l}
	go b.accept()
	return b, nil
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

func (b *balancer) close() { _ = b.listener.Close() }

// lead sets the address of a node.
func (b *balancer) lead(node int, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.nodes) <= node {
		b.nodes = append(b.nodes, "")
	}
	b.nodes[node] = address
}

// turn is the nodes' addresses, beginning with the one whose turn it is.
func (b *balancer) turn() (addresses []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.nodes {
		if a := b.nodes[(b.next+i)%len(b.nodes)]; a != "" {
			addresses = append(addresses, a)
		}
	}
	b.next++
	return addresses
}

func (b *balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		go b.connect(client.(*net.TCPConn))
	}
}

func (b *balancer) connect(client *net.TCPConn) {
	defer client.Close()
	for _, address := range b.turn() {
		node, err := net.Dial("tcp", address)
		if err != nil {
			continue
		}
		defer node.Close()
		var both sync.WaitGroup
		both.Go(func() { pass(node.(*net.TCPConn), client) })
		both.Go(func() { pass(client, node.(*net.TCPConn)) })
		both.Wait()
		return
	}
}

// pass copies until the sender has ended its half, and then ends that half; where either hangs up, so do both.
func pass(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil || to.CloseWrite() != nil {
		_, _ = to.Close(), from.Close()
	}
}
