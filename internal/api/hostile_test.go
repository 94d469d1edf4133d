package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// mutate changes a string a little, or a lot.
func mutate(r *rand.Rand, s string) string {
	raw := []byte(s)
	for range 1 + r.IntN(3) {
		if len(raw) < 2 {
			raw = append(raw, "{}[]\",:.\\u0000-_=Aa9"[r.IntN(20)])
			continue
		}
		at, to := r.IntN(len(raw)), r.IntN(len(raw))
		at, to = min(at, to), max(at, to)
		switch r.IntN(7) {
		case 0:
			raw[at] ^= 1 << r.IntN(7)
		case 1:
			raw = append(raw[:at:at], raw[to:]...)
		case 2:
			raw = bytes.Join([][]byte{raw[:to], raw[at:]}, nil)
		case 3:
			raw[at], raw[to] = raw[to], raw[at]
		case 4:
			raw[at] = byte(33 + r.IntN(94))
		case 5:
			raw = raw[:to]
		case 6:
			raw = append(raw[:at:at], append([]byte([]string{".", "..", "=", "{", "null", `"`, "1e9", "\\u0000", "eyJhbGciOiJub25lIn0"}[r.IntN(9)]), raw[at:]...)...)
		}
	}
	return string(raw)
}

// headerSafe replaces what a header cannot hold.
func headerSafe(s string) string {
	return strings.TrimSpace(strings.Map(func(c rune) rune {
		if c < 33 || c > 126 {
			return '~'
		}
		return c
	}, s))
}

func noise(r *rand.Rand) string {
	raw := make([]byte, r.IntN(300))
	for i := range raw {
		raw[i] = byte(r.IntN(256))
	}
	return string(raw)
}

// hostileRequest makes a request with an invalid token or body, and returns the
// statuses that it may get.
func hostileRequest(r *rand.Rand, tokens, bodies []string) (request, []int) {
	q := request{method: http.MethodPost, url: syncPath, header: http.Header{"Content-Type": {"application/json"}}}
	if r.IntN(2) == 0 {
		tok := tokens[r.IntN(len(tokens))]
		bad := headerSafe(mutate(r, tok))
		if r.IntN(4) == 0 {
			bad = headerSafe(noise(r))
		}
		if bad == tok {
			bad += "x"
		}
		q.method = []string{http.MethodPost, http.MethodGet}[r.IntN(2)]
		q.header.Set("Authorization", "Bearer "+bad)
		return q, []int{http.StatusUnauthorized}
	}
	q.header.Set("Authorization", "Bearer "+tokens[0])
	q.body = mutate(r, bodies[r.IntN(len(bodies))])
	if r.IntN(4) == 0 {
		q.body = noise(r)
	}
	return q, []int{http.StatusOK, http.StatusBadRequest, http.StatusUnprocessableEntity}
}

// TestTenThousandHostileRequests: no request causes a panic, or gets a 5xx but for a key
// that is not known yet, and afterwards the API works as before.
func TestTenThousandHostileRequests(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 1250
	seed := rand.Uint64()
	t.Log("seed", seed)
	key := newRSA(t)
	server := serveKeys(t, jwkOf(t, "rsa", key))
	b := setup(t, server.verifying(secret, time.Now), func(c *Config) { c.UserRate, c.UserBurst = 1e9, 1e9 })
	theirs, theirTask := b.insertReady(bob)
	tokens := []string{token(alice), signedBy(t, jwt.SigningMethodRS256, key, "rsa"), token(bob), unsigned(`{"alg":"none"}`)}
	bodies := []string{"{}", "null", taskIDs("a", "b"), taskIDs(theirTask), `{"taskIds":null,"more":{"x":[1,2.5,true]}}`, "[" + taskIDs(theirs) + "]"}
	var wg sync.WaitGroup
	for w := range workers {
		r := rand.New(rand.NewPCG(seed, uint64(w)))
		wg.Go(func() {
			for range each {
				q, want := hostileRequest(r, tokens, bodies)
				q.url = b.url + q.url
				a, err := send(context.Background(), q)
				if err != nil {
					b.Errorf("%q: %v", q.header, err)
					return
				}
				unknownKey := a.status == http.StatusServiceUnavailable && slices.Contains(want, http.StatusUnauthorized) && strings.Contains(a.body, "the key (kid)")
				if unknownKey && a.header.Get("Retry-After") != "" {
					continue // a kid that may be new, while the JWKS is not asked again
				}
				if !slices.Contains(want, a.status) {
					b.Errorf("%d %s\nto %q %q", a.status, a.body, q.header, q.body)
					return
				}
			}
		})
	}
	wg.Wait()
	require.NotContains(t, b.log.String(), "Panic")
	require.NotContains(t, b.log.String(), "level=ERROR")
	require.Equal(t, "submitted", b.status(theirs))
	require.Zero(t, b.sim.Requests().Total, "alice has no rows")
	require.Len(t, b.post(bob, "").Generations, 1)
}

// slowRequest opens a connection, sends head, and then sends drop again and again
// until the server closes the connection. received returns what the server sent.
func slowRequest(t *testing.T, url, head, drop string) (response func() string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	_, err = conn.Write([]byte(head))
	require.NoError(t, err)
	ended := make(chan string, 1)
	go func() {
		defer conn.Close()
		var said bytes.Buffer
		_, err := said.ReadFrom(conn)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // as the connection returns it
			said.WriteString("not cut")
		}
		ended <- said.String()
	}()
	go func() {
		for beat := time.NewTicker(20 * time.Millisecond); ; <-beat.C {
			if _, err := conn.Write([]byte(drop)); err != nil {
				beat.Stop()
				return
			}
		}
	}()
	return func() string { return <-ended }
}

func TestSlowloris(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.url = b.serveHandler(b.api, func(s *http.Server) { s.ReadHeaderTimeout, s.ReadTimeout = 500*time.Millisecond, time.Second })
	var cut []func() string
	for i := range 100 {
		head := "POST " + syncPath + " HTTP/1.1\r\nHost: x\r\n"
		if i%2 == 0 {
			head = "POST "
		}
		cut = append(cut, slowRequest(t, b.url, head, "X: y\r\n"))
	}
	body := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{", syncPath, token(alice))
	lazy := slowRequest(t, b.url, body, " ")
	for range 20 { // other requests are served meanwhile
		require.Equal(t, http.StatusOK, b.call(http.MethodGet, syncPath, token(alice), "").status)
	}
	for _, said := range cut {
		require.NotContains(t, said(), "not cut")
	}
	require.Contains(t, lazy(), "HTTP/1.1 408 ", "a body has its time, too")
	require.Equal(t, http.StatusOK, b.call(http.MethodPost, syncPath, token(alice), "").status)
}

// TestBrokenRequests: bytes that are not an HTTP request are an error of the client.
func TestBrokenRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n", syncPath, token(alice))
	for name, raw := range map[string]string{
		"half a body":    head + "Content-Length: 100\r\n\r\n{\"taskIds\":",
		"broken chunks":  head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
		"half a chunk":   head + "Transfer-Encoding: chunked\r\n\r\n10\r\n{}",
		"two lengths":    head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"a bad length":   head + "Content-Length: -1\r\n\r\n{}",
		"no host":        "GET / HTTP/1.1\r\n\r\n",
		"bad path":       "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"NUL in a field": head + "X: a\x00b\r\n\r\n",
		"gzip":           head + "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
		"no HTTP":        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		require.NoError(t, err)
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Minute)))
		_, err = conn.Write([]byte(raw))
		require.NoError(t, err)
		require.NoError(t, conn.(*net.TCPConn).CloseWrite())
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, name)
		require.Equal(t, 4, resp.StatusCode/100, "%s: %s", name, resp.Status)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, conn.Close())
	}
	require.NotContains(t, b.log.String(), "Panic")
	require.NotContains(t, b.log.String(), "level=ERROR")
}
