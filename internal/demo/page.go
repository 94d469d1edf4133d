package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tasksync/daemon"
	"tasksync/examples/web"
)

const (
	// userID is the user who owns the rows of the demo.
	userID = "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"
	// tokenValid is how long the link to the page is good.
	tokenValid = 24 * time.Hour
	// selectCursor reads the current id of the stream of events, which is a
	// snapshot. A page that begins there shows all that the demo does, whenever
	// the page is opened.
	selectCursor = `SELECT pg_current_snapshot()::text`
)

// page is the page that shows the rows live. It listens before the daemon starts,
// because the daemon is told the page's origin.
type page struct {
	listener net.Listener
	secret   string // of the tokens
}

func (s *stage) listenPage(context.Context) (err error) {
	s.page.secret = rand.Text() + rand.Text()
	s.page.listener, err = net.Listen("tcp", anyPort)
	if err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	s.closers = append(s.closers, func() error {
		_ = s.page.listener.Close() // mostly closed already, by its server
		return nil
	})
	return nil
}

// api lets the page call the daemon, for userID.
func (p page) api() daemon.API {
	return daemon.API{JWTSecret: p.secret, CORSOrigins: []string{baseURL(p.listener.Addr())}}
}

// openPage serves the page, which may load from this demo only.
func (s *stage) openPage(ctx context.Context) error {
	var since string
	if err := s.db.QueryRow(ctx, selectCursor).Scan(&since); err != nil {
		return fmt.Errorf("read the cursor of the events: %w", err)
	}
	token, err := s.page.token()
	if err != nil {
		return fmt.Errorf("sign a token: %w", err)
	}
	s.link = fmt.Sprintf("%s/#api=%s&since=%s&token=%s", baseURL(s.page.listener.Addr()), s.daemonURL, since, token)
	server := &http.Server{Handler: web.Handler(s.daemonURL, s.simURL), ReadHeaderTimeout: 5 * time.Second}
	s.background(ctx, func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { _ = server.Close() })
		defer stop()
		if err := server.Serve(s.page.listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve the page: %w", err)
		}
		return nil
	})
	return nil
}

// token is what the application would give to the user userID at sign-in.
func (p page) token() (string, error) {
	claims := jwt.MapClaims{"sub": userID, "aud": "authenticated", "exp": time.Now().Add(tokenValid).Unix()}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(p.secret))
}
