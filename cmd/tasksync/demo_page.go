package main

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
	// demoUser owns the rows of the demo.
	demoUser = "7d3f0c62-8f0e-4f43-9a6e-0a4c2f3f1c11"
	// demoTokenValid is how long the link to the page is good.
	demoTokenValid = 24 * time.Hour
	// demoCursor is the id of the stream of events as it is now: those are
	// snapshots. A page that begins there shows all that the demo does, whenever
	// it is opened.
	demoCursor = `SELECT pg_current_snapshot()::text`
)

// demoPage is the page that shows the rows live. It listens before the daemon
// starts, which is told its origin.
type demoPage struct {
	listener net.Listener
	secret   string // of the tokens
}

func (s *demoStage) listenPage() (err error) {
	s.page.secret = rand.Text() + rand.Text()
	s.page.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("serve the page: %w", err)
	}
	s.closers = append(s.closers, func() error {
		_ = s.page.listener.Close() // mostly closed already, by its server
		return nil
	})
	return nil
}

// api lets the page call the daemon, for demoUser.
func (p demoPage) api() daemon.API {
	return daemon.API{JWTSecret: p.secret, CORSOrigins: []string{baseURL(p.listener.Addr())}}
}

// openPage serves the page, which may load from this demo only.
func (s *demoStage) openPage(ctx context.Context) error {
	var since string
	if err := s.db.QueryRow(ctx, demoCursor).Scan(&since); err != nil {
		return fmt.Errorf("read where the events stand: %w", err)
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

// token is what the application would give to demoUser when they sign in.
func (p demoPage) token() (string, error) {
	claims := jwt.MapClaims{"sub": demoUser, "aud": "authenticated", "exp": time.Now().Add(demoTokenValid).Unix()}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(p.secret))
}
