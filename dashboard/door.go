package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/layergateway/layergateway/access"
	"github.com/layergateway/layergateway/openai"
)

// Door decides who may see the pages.
type Door struct {
	// Admin is the hash of the key that lets in; nil lets in everybody, because somebody else stands in front.
	Admin *access.Hash
	// Sessions are those of browsers that came with the key. They outlive a reload. Required with Admin.
	Sessions *Sessions
	// Named reports whether the configuration names the host of a request. Required.
	Named func(*http.Request) bool
	// Client is the address that a request comes from. Default: that of the connection.
	Client func(*http.Request) string
}

const (
	cookieName  = "layer_dashboard"
	sessionTime = 12 * time.Hour
	maxSessions = 1000
	maxForm     = 64 << 10
)

var crossOrigin = http.NewCrossOriginProtection()

// check refuses what a stranger's page makes a browser send: one under a name of its own that points here, and one that
// sends forms and scripts across.
func (d *Door) check(r *http.Request) error {
	if !isAddress(r.Host) && !d.Named(r) {
		return errors.New("this host name is not one of the site's: open the dashboard by an IP address, by localhost, or by a name that the Caddyfile gives the site")
	}
	if err := crossOrigin.Check(r); err != nil {
		return errors.New("the request comes from another site")
	}
	if origin := r.Header.Get("Origin"); origin != "" && r.Header.Get("Sec-Fetch-Site") != "same-origin" {
		if u, err := url.Parse(origin); err != nil || !strings.EqualFold(u.Host, r.Host) {
			return errors.New("the request comes from another site")
		}
	}
	return nil
}

// isAddress reports whether a host is one that no stranger can make point here.
func isAddress(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil
}

// admits reports whether the request comes with the key, or from a browser that did. If it doesn't, wait is how long a
// key from there that can be guessed is not even looked at.
func (d *Door) admits(r *http.Request, now time.Time) (in bool, wait time.Duration) {
	if d.Admin == nil {
		return true, 0
	}
	if scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		return d.fits(strings.TrimSpace(key), d.guesser(r, false), now)
	}
	cookie, err := r.Cookie(cookieName)
	return err == nil && d.Sessions.valid(cookie.Value, *d.Admin, now), 0
}

// fits reports whether a key is the one that lets in. Too many wrong ones from the same place have to wait, but for keys
// that nobody guesses: else who tries keys out would shut out all that come from where he does, which is everybody
// behind a front that is not trusted, or on a Unix socket.
func (d *Door) fits(key string, from guesser, now time.Time) (in bool, wait time.Duration) {
	wait = d.Sessions.wrong.wait(from, now)
	if wait > 0 && guessable(key) {
		return false, wait
	}
	hash := access.HashOf(key)
	if subtle.ConstantTimeCompare(hash[:], d.Admin[:]) == 1 {
		return true, 0
	}
	if wait == 0 {
		d.Sessions.wrong.wrong(from, now)
	}
	return false, wait
}

func (d *Door) client(r *http.Request) string {
	if d.Client != nil {
		return d.Client(r)
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// Sessions are the browsers that are logged in, and who came with wrong keys. The zero value is ready; it is safe for
// concurrent use.
type Sessions struct {
	wrong guesses
	mu    sync.Mutex
	open  map[[sha256.Size]byte]session // by the hash of what the cookie has
}

type session struct {
	admin access.Hash // the key that it was opened with: another one ends it
	until time.Time
}

// begin opens a session and returns its cookie's value.
func (s *Sessions) begin(admin access.Hash, now time.Time) string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	token := hex.EncodeToString(b[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = make(map[[sha256.Size]byte]session)
	}
	var oldest [sha256.Size]byte
	for id, other := range s.open {
		if !now.Before(other.until) {
			delete(s.open, id)
		} else if first, ok := s.open[oldest]; !ok || other.until.Before(first.until) {
			oldest = id
		}
	}
	if len(s.open) >= maxSessions {
		delete(s.open, oldest)
	}
	s.open[sha256.Sum256([]byte(token))] = session{admin, now.Add(sessionTime)}
	return token
}

func (s *Sessions) valid(token string, admin access.Hash, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.open[sha256.Sum256([]byte(token))]
	return ok && now.Before(found.until) && found.admin == admin
}

func (s *Sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(token)))
}

// turnAway asks a person for the key, and tells a program that it lacks it, or that it has to wait.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	if wait > 0 {
		w.Header().Set("Retry-After", seconds(wait))
		if forProgram(r) {
			(&openai.Error{
				Status: http.StatusTooManyRequests, Type: openai.TypeRateLimit, Code: "rate_limit_exceeded", Message: tooMany(wait),
			}).Write(w)
			return
		}
		h.refuse(w, r, http.StatusTooManyRequests, tooMany(wait))
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	if forProgram(r) {
		(&openai.Error{
			Status: http.StatusUnauthorized, Type: openai.TypeInvalidRequest, Code: "invalid_api_key",
			Message: "this needs the dashboard's admin_key, as Authorization: Bearer <key>",
		}).Write(w)
		return
	}
	back := ""
	if r.Method == http.MethodGet {
		back = strings.TrimPrefix(r.URL.RequestURI(), "/")
	}
	h.loginForm(w, r, http.StatusUnauthorized, loginPage{Back: back})
}

func tooMany(wait time.Duration) string {
	return "Too many wrong admin keys came from your address: try again in " + seconds(wait) + " s."
}

type loginPage struct{ Back, Problem string }

func (h *Handler) loginForm(w http.ResponseWriter, r *http.Request, status int, p loginPage) {
	h.render(w, r, status, "login", "Log in", p)
}

// login opens a session for who knows the key.
func (h *Handler) login(w http.ResponseWriter, r *http.Request) {
	in, _ := h.o.Door.admits(r, h.o.Now())
	if in && (h.o.Door.Admin == nil || r.Method != http.MethodPost) {
		redirect(w, "./")
		return
	}
	if r.Method != http.MethodPost {
		h.loginForm(w, r, http.StatusUnauthorized, loginPage{})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	back := r.PostFormValue("back")
	switch in, wait := h.o.Door.fits(r.PostFormValue("key"), h.o.Door.guesser(r, true), h.o.Now()); {
	case in:
		setCookie(w, r, h.o.Door.Sessions.begin(*h.o.Door.Admin, h.o.Now()), int(sessionTime/time.Second))
		redirect(w, inside(back))
	case wait > 0:
		w.Header().Set("Retry-After", seconds(wait))
		h.loginForm(w, r, http.StatusTooManyRequests, loginPage{back, tooMany(wait)})
	default:
		h.o.Log.Warn("somebody tried to log in with a wrong admin_key", zap.String("client", h.o.Door.client(r)))
		h.loginForm(w, r, http.StatusUnauthorized, loginPage{back, "This is not the admin key."})
	}
}

// setCookie gives the browser a session, or takes it away if maxAge is negative. Without a path the cookie is for where
// the dashboard is mounted. Who takes TLS off in front says so; whoever else does deprives its own cookie alone.
func setCookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

func (h *Handler) logout(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName); err == nil && h.o.Door.Admin != nil {
		h.o.Door.Sessions.end(cookie.Value)
	}
	setCookie(w, r, "", -1)
	redirect(w, "./")
}

// inside is where to go after the login: one of the pages, whatever the form says.
func inside(back string) string {
	u, err := url.Parse(back)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || back == "" || !Serves(u.Path) ||
		strings.ContainsAny(back, "\\\r\n") || strings.HasPrefix(back, "/") || strings.Contains(u.Path, "..") {
		return "./"
	}
	return "./" + back
}

// redirect goes to another page after a form. The place is relative to the one that the browser sees, of which the
// mount's prefix is not known here.
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}
