package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/webhook"
)

// eventLog reads a project's events from a server.
type eventLog struct {
	url  string
	key  string
	http *http.Client
}

// lostError is that of a connection that gave no whole answer.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// passing tells whether the error may go away by itself.
func passing(err error) bool {
	var answer *api.Error
	if errors.As(err, &answer) { // without a code it is not the server's own, but a proxy's in its stead
		return answer.Status >= 500 || answer.Status == http.StatusTooManyRequests || answer.Code == ""
	}
	var lost lostError
	return errors.As(err, &lost)
}

const maxAnswerBytes = 64 << 20 // a page of 100 events is far below

func (g eventLog) get(ctx context.Context, path string, query url.Values, to any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+g.key)
	res, err := g.http.Do(req)
	if err != nil {
		return lostError{errors.New(plainError(err))}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswerBytes))
	if err != nil {
		return lostError{err}
	}
	if res.StatusCode != http.StatusOK {
		answer := api.ErrorEnvelope{}
		_ = json.Unmarshal(body, &answer) // without an envelope the status says it
		e := answer.Error
		return &api.Error{Status: res.StatusCode, Code: e.Code, Message: cmp.Or(e.Message, http.StatusText(res.StatusCode)), Details: e.Details, RequestID: e.RequestID}
	}
	if err := json.Unmarshal(body, to); err != nil {
		return lostError{fmt.Errorf("the answer is not the event log's: %w", err)}
	}
	return nil
}

// page reads one page, newest first; the empty cursor is that of the first.
func (g eventLog) page(ctx context.Context, size int, cursor string, filter ...string) (*api.List[api.Event], error) {
	query := url.Values{"pageSize": {strconv.Itoa(size)}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	for i := 0; i+1 < len(filter); i += 2 {
		query.Set(filter[i], filter[i+1])
	}
	list := &api.List[api.Event]{}
	return list, g.get(ctx, "/v1/events", query, list)
}

func (g eventLog) event(ctx context.Context, id string) (*api.Event, error) {
	e := &api.Event{}
	return e, g.get(ctx, "/v1/events/"+url.PathEscape(id), nil, e)
}

const eventsPageSize = 100

// each reads the log, newest first, page by page, until see has seen enough of it. It returns the exact number of all
// events when it began.
func (g eventLog) each(ctx context.Context, see func(e *api.Event, total int64) (more bool)) (total int64, err error) {
	cursor := ""
	for first := true; ; first = false {
		list, err := g.page(ctx, eventsPageSize, cursor)
		if err != nil {
			return 0, err
		}
		if first {
			total = list.Pagination.Total
		}
		for i := range list.Data {
			if !see(&list.Data[i], total) {
				return total, nil
			}
		}
		next := list.Pagination.NextCursor
		if next == nil || *next == cursor {
			return total, nil
		}
		cursor = *next
	}
}

// listenPosition is how far listen got. The newest id alone would not do: an event is named when its change begins, and
// stands in the log once that is committed, maybe behind one that began later. So all the ids of the last while are kept,
// and the exact number of all events tells whether any is still to be found.
type listenPosition struct {
	LastEventID string            `json:"lastEventId"`
	From        string            `json:"from"`  // all events created before this time are handled
	Done        map[string]string `json:"done"`  // those handled since then: id and time of creation
	Count       int64             `json:"count"` // of the project's events, how many are handled
}

const (
	lateBy        = 2 * time.Minute // how much later than its own time an event may turn up in the log
	latestBy      = 25 * time.Hour  // and how much earlier than that its id may be: a call may be taken up for a day
	maxRemembered = 2000            // ids of that time
	maxHeldBodies = 1000            // of events that wait to be sent; of more, the ids alone are held
)

func (p *listenPosition) has(e *api.Event) bool {
	return p.Done[e.ID] != "" || e.Attributes.CreatedAt < p.From
}

func (p *listenPosition) add(e *api.Event) {
	p.Done[e.ID] = e.Attributes.CreatedAt
	p.LastEventID = e.ID
	p.Count++
}

// forget drops ids that are no longer needed. Events are handled in the order of their creation, so what is older than
// those that are kept is handled too.
func (p *listenPosition) forget() {
	if len(p.Done) == 0 {
		return
	}
	times := make([]string, 0, len(p.Done))
	for _, at := range p.Done {
		times = append(times, at)
	}
	slices.Sort(times)
	from := earlier(times[len(times)-1], lateBy)
	if len(times) > maxRemembered {
		from = max(from, times[len(times)-maxRemembered])
	}
	p.From = max(p.From, from)
	for id, at := range p.Done {
		if at < p.From {
			delete(p.Done, id)
		}
	}
}

// earlier moves a time as events have it; one that isn't is the earliest of all.
func earlier(at string, by time.Duration) string {
	t, err := time.Parse(webhook.TimeForm, at)
	if err != nil {
		return ""
	}
	return t.Add(-by).Format(webhook.TimeForm)
}

const (
	sinceNow       = "now"
	sinceBeginning = "beginning"
)

// begin finds the position behind an event, or behind all that there are, or before the first.
func (g eventLog) begin(ctx context.Context, since string) (*listenPosition, error) {
	p := &listenPosition{Done: map[string]string{}}
	var last *api.Event
	switch since {
	case sinceBeginning:
		return p, nil
	case sinceNow:
	default:
		e, err := g.event(ctx, since)
		var answer *api.Error
		if errors.As(err, &answer) && answer.Code == api.CodeNotFound {
			return nil, fmt.Errorf("--since: the project has no event %s", since)
		}
		if err != nil {
			return nil, err
		}
		last = e
	}
	behind := int64(0)
	total, err := g.each(ctx, func(e *api.Event, _ int64) bool {
		if last == nil {
			last = e
		}
		if e.ID > last.ID {
			behind++
			return true
		}
		if p.From == "" {
			p.From = earlier(last.Attributes.CreatedAt, lateBy)
		}
		switch {
		case len(p.Done) >= maxRemembered:
			p.From = max(p.From, earlier(e.Attributes.CreatedAt, -time.Millisecond)) // this one and its like are handled
			return false
		case e.Attributes.CreatedAt < p.From:
			return false
		}
		p.Done[e.ID] = e.Attributes.CreatedAt
		return true
	})
	if last != nil {
		p.LastEventID = last.ID
	}
	p.Count = total - behind
	return p, err
}

// since reads the events that are not handled yet, oldest first. Of many, only the newest have their payload. missing is
// how many more there must be that can't be found.
func (g eventLog) since(ctx context.Context, p *listenPosition) (fresh []*api.Event, missing int64, err error) {
	head, err := g.page(ctx, 1, "")
	if err != nil {
		return nil, 0, err
	}
	known := len(head.Data) == 0 || p.has(&head.Data[0])
	if head.Pagination.Total == p.Count && known {
		return nil, 0, nil
	}
	oldest := ""
	if p.From != "" {
		oldest = earlier(p.From, latestBy)
	}
	total, err := g.each(ctx, func(e *api.Event, total int64) bool {
		if p.has(e) {
			return int64(len(fresh)) < total-p.Count && e.Attributes.CreatedAt >= oldest
		}
		if len(fresh) >= maxHeldBodies {
			e.Attributes.Payload = nil
		}
		fresh = append(fresh, e)
		return true
	})
	if err != nil {
		return nil, 0, err
	}
	missing = total - p.Count - int64(len(fresh))
	if missing > 0 || total < p.Count { // of fewer than there were, the database was replaced
		p.Count = total - int64(len(fresh))
	}
	slices.SortFunc(fresh, func(a, b *api.Event) int {
		return cmp.Or(cmp.Compare(a.Attributes.CreatedAt, b.Attributes.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return fresh, max(0, missing), nil
}

// listenState is the state file, which one listen at a time may use. It has an entry for each project.
type listenState struct {
	path   string
	unlock func() error
	own    *listenProject
	file   struct {
		Projects map[string]*listenProject `json:"projects"` // by a hash of the key
	}
}

type listenProject struct {
	Secret   string          `json:"secret,omitempty"`
	Position *listenPosition `json:"position"`
}

// statePath is where the state is kept unless --state says otherwise.
func (c *listenCommand) statePath() string {
	const name = "listen.json"
	if c.State != "" {
		return c.State
	}
	if info, err := os.Stat(c.Data); err == nil && info.IsDir() {
		return filepath.Join(c.Data, name)
	}
	dir := os.Getenv("XDG_STATE_HOME")
	if !filepath.IsAbs(dir) { // its specification has relative ones ignored
		home, _ := os.UserHomeDir()
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "sliproad", name)
}

func openListenState(path, key string) (*listenState, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	unlock, err := lockFile(path + ".lock")
	var access *os.PathError
	if err != nil && !errors.As(err, &access) {
		return nil, fmt.Errorf("another sliproad listen uses %s; give this one a file of its own with --state", path)
	}
	if err != nil {
		return nil, err
	}
	s := &listenState{path: path, unlock: unlock}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &s.file)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(fmt.Errorf("%s is damaged (%w); delete it to begin anew", path, err), unlock())
	}
	sum := sha256.Sum256([]byte("sliproad listen " + key))
	id := hex.EncodeToString(sum[:8])
	if s.file.Projects == nil {
		s.file.Projects = map[string]*listenProject{}
	}
	if s.own = s.file.Projects[id]; s.own == nil {
		s.own = &listenProject{}
		s.file.Projects[id] = s.own
	}
	if p := s.own.Position; p != nil && p.Done == nil {
		p.Done = map[string]string{}
	}
	return s, nil
}

// save writes the file anew and puts it in place of the old one, so that there is a whole one at any time.
func (s *listenState) save() error {
	if s.own.Position != nil {
		s.own.Position.forget()
	}
	text, err := json.Marshal(s.file)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(s.path), filepath.Base(s.path)+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
