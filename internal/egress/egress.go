// Package egress is the only way out to URLs that partners give: an HTTP client that refuses addresses inside the
// operator's network, at the moment of connecting, so that no DNS answer can lead it astray.
//
// It follows no redirect, sends no cookie, keeps no secret and knows no webhook. Invariant: a connection is made only to
// an address that the guard has allowed.
package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// Policy says which addresses may be reached besides public ones.
type Policy int

// The policies.
const (
	PublicOnly Policy = iota
	AllowLoopback
	AllowPrivate
)

// Client reaches partners' URLs.
type Client struct {
	control func(network, address string, c syscall.RawConn) error
	http    *http.Client
}

// ErrRefused says that the address is one that must not be reached.
var ErrRefused = errors.New("resolves to a private, loopback, link-local or otherwise reserved address")

// New makes a Client. An attempt takes at most the time given, from look-up to the last byte read.
func New(policy Policy, timeout time.Duration) *Client {
	c := &Client{}
	opts := []ssrf.Option{ssrf.WithAnyPort()}
	switch policy {
	case AllowLoopback:
		opts = append(opts, ssrf.WithAllowedV4Prefixes(netip.MustParsePrefix("127.0.0.0/8")), ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128")))
	case AllowPrivate:
		c.control = func(string, string, syscall.RawConn) error { return nil }
	case PublicOnly:
	}
	if c.control == nil {
		c.control = ssrf.New(opts...).Safe
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: c.control}
	c.http = &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConns: 256, MaxIdleConnsPerHost: 16,
			IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 32 << 10, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c
}

// Check refuses a host that resolves, now, to an address that must not be reached. A host that does not resolve passes:
// it is checked again at every connection.
func (c *Client) Check(ctx context.Context, host string) error {
	host = strings.TrimSuffix(host, ".")
	addrs := []netip.Addr{}
	if addr, err := netip.ParseAddr(host); err == nil {
		addrs = append(addrs, addr)
	} else {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if addrs, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return nil // unknown for now; the dialer decides
		}
	}
	for _, addr := range addrs {
		network := "tcp4"
		if addr = addr.Unmap(); addr.Is6() {
			network = "tcp6"
		}
		if c.control(network, netip.AddrPortFrom(addr, 443).String(), nil) != nil {
			return ErrRefused
		}
	}
	return nil
}

// Post sends the body and reads the answer's status and first bytes.
func (c *Client) Post(ctx context.Context, url string, header map[string]string, body io.Reader, maxResponse int64) (status int, response []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return 0, nil, err
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	res, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, ssrf.ErrProhibitedIP) {
			return 0, nil, fmt.Errorf("the URL %w", ErrRefused)
		}
		return 0, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	response, err = io.ReadAll(io.LimitReader(res.Body, maxResponse))
	if err == nil {
		_, err = io.CopyN(io.Discard, res.Body, 64<<10) // so that the connection can be used again
		if errors.Is(err, io.EOF) {
			err = nil
		}
	}
	return res.StatusCode, response, err
}
