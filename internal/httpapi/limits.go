package httpapi

import (
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sliproad/sliproad/internal/checkout"
)

// Rate is a token bucket: so many requests a second on average, and so many at once.
type Rate struct {
	PerSecond int // 0: no limit
	Burst     int
}

// unlimited is what the headers tell where there is no limit.
const unlimited = 1_000_000

// limiter has a bucket for each key or address. It forgets full buckets when it has too many.
type limiter[K comparable] struct {
	rate    Rate
	mu      sync.Mutex
	buckets map[K]*rate.Limiter
}

const maxBuckets = 1 << 16

func newLimiter[K comparable](r Rate) *limiter[K] {
	return &limiter[K]{rate: r, buckets: map[K]*rate.Limiter{}}
}

// quota is what remains of a bucket.
type quota struct {
	limit     int
	remaining int
	reset     time.Time     // when the bucket is full again
	wait      time.Duration // until the next request is let through; 0: it was
}

func (l *limiter[K]) bucket(key K, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[key]
	if ok {
		return b
	}
	if len(l.buckets) >= maxBuckets {
		for k, b := range l.buckets {
			if int(b.TokensAt(now)) >= l.rate.Burst {
				delete(l.buckets, k)
			}
		}
	}
	b = rate.NewLimiter(rate.Limit(l.rate.PerSecond), l.rate.Burst)
	if len(l.buckets) < maxBuckets { // beyond that, a newcomer has a bucket for one request
		l.buckets[key] = b
	}
	return b
}

// take takes a token, if there is one.
func (l *limiter[K]) take(key K, now time.Time) quota {
	if l.rate.PerSecond <= 0 {
		return quota{limit: unlimited, remaining: unlimited, reset: now}
	}
	b := l.bucket(key, now)
	ok := b.AllowN(now, 1)
	q := l.quota(b, now)
	if !ok {
		q.wait = time.Second / time.Duration(l.rate.PerSecond)
	}
	return q
}

// peek tells what remains without taking.
func (l *limiter[K]) peek(key K, now time.Time) quota {
	if l.rate.PerSecond <= 0 {
		return quota{limit: unlimited, remaining: unlimited, reset: now}
	}
	return l.quota(l.bucket(key, now), now)
}

func (l *limiter[K]) quota(b *rate.Limiter, now time.Time) quota {
	left := max(0, int(b.TokensAt(now)))
	missing := time.Duration(l.rate.Burst-left) * time.Second / time.Duration(l.rate.PerSecond)
	return quota{limit: l.rate.Burst, remaining: left, reset: now.Add(missing)}
}

func (q quota) headers(h http.Header) {
	h["X-Ratelimit-Limit"] = []string{strconv.Itoa(q.limit)}
	h["X-Ratelimit-Remaining"] = []string{strconv.Itoa(q.remaining)}
	h["X-Ratelimit-Reset"] = []string{strconv.FormatInt(q.reset.Unix(), 10)}
}

func (q quota) check(h http.Header) error {
	q.headers(h)
	if q.wait == 0 {
		return nil
	}
	seconds := int64((q.wait + time.Second - 1) / time.Second)
	h.Set("Retry-After", strconv.FormatInt(seconds, 10))
	return checkout.Fail(checkout.CodeRateLimitExceeded, "Too many requests; try again in "+strconv.FormatInt(seconds, 10)+" s.")
}

func (s *Server) limitKey(x *exchange) error {
	return s.keys.take(x.call.Key.ID, x.call.Now).check(x.w.Header())
}

func (s *Server) limitAddress(x *exchange) error {
	if !x.endpoint.limited {
		return nil
	}
	buckets := s.addresses
	if x.endpoint.rawBody {
		buckets = s.gateways
	}
	return buckets.take(network(x.call.Address), x.call.Now).check(x.w.Header())
}

// gatewayShare is how many times more than a payer a gateway may send: it speaks for many payers from few addresses.
const gatewayShare = 20

func (r Rate) times(n int) Rate { return Rate{r.PerSecond * n, r.Burst * n} }

// network is what shares a bucket: an IPv4 address, or the /64 that an IPv6 subscriber has to themselves.
func network(addr netip.Addr) netip.Prefix {
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	p, _ := addr.Prefix(bits) // the zero prefix for an unknown address
	return p
}
