package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	cookieName = "tasksync_console"
	// sessionTime is how long a sign-in holds. A session is a time, signed with the password:
	// all daemons take it, a restart does not end it, and a new password does.
	sessionTime = 12 * time.Hour
)

// knows reports whether a request comes from somebody who may see the console.
func (c *Console) knows(r *http.Request) bool {
	if c.byProxy(r) {
		return true
	}
	cookie, err := r.Cookie(cookieName)
	return err == nil && c.valid(cookie.Value, time.Now())
}

// byProxy reports whether the trusted proxy says who asks.
func (c *Console) byProxy(r *http.Request) bool {
	return c.cfg.ProxyHeader != "" && r.Header.Get(c.cfg.ProxyHeader) != "" && c.fromProxy(r)
}

func (c *Console) fromProxy(r *http.Request) bool {
	peer, ok := addrOf(r.RemoteAddr)
	return ok && slices.ContainsFunc(c.cfg.Proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

func addrOf(hostPort string) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(hostPort)
	return a.Addr().Unmap(), err == nil
}

// session is the value of a cookie that holds until a time.
func (c *Console) session(until time.Time) string {
	at := strconv.FormatInt(until.Unix(), 10)
	return at + "." + c.sign(at)
}

func (c *Console) sign(text string) string {
	mac := hmac.New(sha256.New, []byte("tasksync console\x00"+c.cfg.Password))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

func (c *Console) valid(value string, now time.Time) bool {
	at, signature, _ := strings.Cut(value, ".")
	until, err := strconv.ParseInt(at, 10, 64)
	return c.cfg.Password != "" && err == nil && hmac.Equal([]byte(signature), []byte(c.sign(at))) && now.Before(time.Unix(until, 0))
}

// isPassword compares in the same time for any text.
func (c *Console) isPassword(given string) bool {
	want, got := sha256.Sum256([]byte(c.cfg.Password)), sha256.Sum256([]byte(given))
	return c.cfg.Password != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// tries bounds how many wrong passwords are looked at: ten a minute, of all clients
// together, since an address is easily changed.
type tries struct {
	mu    sync.Mutex
	wrong []time.Time
}

const maxTries = 10

// try calls right unless there were too many wrong passwords, and notes that it is not. One
// password is looked at at a time, so that many at once are no way around the bound.
func (t *tries) try(now time.Time, right func() bool) (ok, tooMany bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = slices.DeleteFunc(t.wrong, func(at time.Time) bool { return now.Sub(at) > time.Minute })
	if len(t.wrong) >= maxTries {
		return false, true
	}
	if ok = right(); !ok {
		t.wrong = append(t.wrong, now)
	}
	return ok, false
}

func (c *Console) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4096)
	given := r.PostFormValue("password") // before a try is counted: a body may take its time
	now := time.Now()
	ok, tooMany := c.tries.try(now, func() bool { return c.isPassword(given) })
	if tooMany {
		w.Header().Set("Retry-After", "60")
		problem(w, http.StatusTooManyRequests, "too many wrong passwords; wait a minute")
		return
	}
	if !ok {
		c.cfg.Logger.Warn("[TaskSync] A wrong password was given at the console")
		c.send(w, "wrong.html", http.StatusUnauthorized)
		return
	}
	c.cookie(w, r, c.session(now.Add(sessionTime)), int(sessionTime.Seconds()))
	http.Redirect(w, r, "/console/", http.StatusSeeOther)
}

func (c *Console) logout(w http.ResponseWriter, r *http.Request) {
	c.cookie(w, r, "", -1)
	http.Redirect(w, r, "/console/", http.StatusSeeOther)
}

func (c *Console) cookie(w http.ResponseWriter, r *http.Request, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/console", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
}

// isForwarded reports whether a proxy has passed a request on, as far as one can see: by a
// header that proxies add, or by HTTP/1.0, which nginx speaks unless it is told otherwise.
func isForwarded(r *http.Request) bool {
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip" || name == "Via" {
			return true
		}
	}
	return !r.ProtoAtLeast(1, 1)
}

// local reports whether a request comes from a program on this machine, and from no page of
// another site that a name server has sent here. Where a proxy is known to pass requests on,
// it may be one of them.
func (c *Console) local(r *http.Request) bool {
	if c.cfg.ProxyHeader != "" || isForwarded(r) {
		return false
	}
	peer, known := addrOf(r.RemoteAddr)
	own, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !known || own == nil || !peer.IsLoopback() {
		return false
	}
	at, known := addrOf(own.String())
	if !known || !at.IsLoopback() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && ip.IsLoopback()
}
