package daemon

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/upstream/acedata"
	"tasksync/upstream/sunoapi"
)

const (
	jwtSecret    = "jwt-secret-of-the-test-hunter2"
	webhookTest  = "webhook-token-of-the-test-hunter2"
	userOfTheAPI = "a11ce000-0000-4000-8000-000000000001"
)

// TestAPIConfig: an error names the field that is wrong, and never shows its value.
func TestAPIConfig(t *testing.T) {
	t.Parallel()
	signing := Provider{Provider: sunoapi.Kie(), APIKey: "k", WebhookSecret: "hunter2"}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string // empty: it is good
	}{
		"off":                   {func(*Config) {}, ""},
		"secret":                {func(c *Config) { c.API.JWTSecret = jwtSecret }, ""},
		"keys":                  {func(c *Config) { c.API.JWKSURL = "https://x.supabase.co/auth/v1/.well-known/jwks.json" }, ""},
		"origins":               {func(c *Config) { c.API.CORSOrigins = []string{"https://app.example", "*"} }, ""},
		"tokens":                {func(c *Config) { c.API.WebhookTokens = []string{webhookTest, strings.Repeat("a", 128)} }, ""},
		"signatures":            {func(c *Config) { c.Providers = []Provider{signing} }, ""},
		"signatures of another": {func(c *Config) { c.Providers = append(c.Providers, signing) }, ""},

		"short secret":       {func(c *Config) { c.API.JWTSecret = "hunter2" }, "API.JWTSecret"},
		"secret with blanks": {func(c *Config) { c.API.JWTSecret = jwtSecret + "\n" }, "API.JWTSecret"},
		"key for secret":     {func(c *Config) { c.API.JWTSecret = "-----BEGIN PUBLIC KEY-----hunter2" }, "API.JWTSecret"},
		"address":            {func(c *Config) { c.API.JWKSURL = "hunter2" }, "API.JWKSURL"},
		"file":               {func(c *Config) { c.API.JWKSURL = "file:///hunter2" }, "API.JWKSURL"},
		"password":           {func(c *Config) { c.API.JWKSURL = "https://u:hunter2@h/jwks" }, "API.JWKSURL"},
		"no scheme":          {func(c *Config) { c.API.CORSOrigins = []string{"app.example"} }, "API.CORSOrigins"},
		"path":               {func(c *Config) { c.API.CORSOrigins = []string{"https://app.example/"} }, "API.CORSOrigins"},
		"short token":        {func(c *Config) { c.API.WebhookTokens = []string{"hunter2"} }, "API.WebhookTokens"},
		"long token":         {func(c *Config) { c.API.WebhookTokens = []string{"hunter2" + strings.Repeat("a", 128)} }, "API.WebhookTokens"},
		"second token":       {func(c *Config) { c.API.WebhookTokens = []string{webhookTest, "hunter2"} }, "API.WebhookTokens"},
		"token with a slash": {func(c *Config) { c.API.WebhookTokens = []string{"hunter2/hunter2/hunter2"} }, "API.WebhookTokens"},
		"token with a break": {func(c *Config) { c.API.WebhookTokens = []string{webhookTest + "\n"} }, "API.WebhookTokens"},
		"nobody signs":       {func(c *Config) { c.Providers[0].WebhookSecret = "hunter2" }, "Providers[0].WebhookSecret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := Config{DatabaseURL: goodURL, Providers: []Provider{{Provider: sunoapi.SunoAPI(), APIKey: "key"}}, ListenAddr: "127.0.0.1:0"}
			tc.change(&cfg)
			err := cfg.WithDefaults().Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, ErrConfig)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.ErrorIs(t, Run(t.Context(), cfg), ErrConfig)
		})
	}
}

func TestWebhookProviders(t *testing.T) {
	t.Parallel()
	cfg := Config{Providers: []Provider{{Provider: sunoapi.SunoAPI()}, {Provider: sunoapi.Kie(), WebhookSecret: "s"}, {Provider: acedata.Provider()}}}
	hooks := cfg.webhooks()
	require.Len(t, hooks, 3)
	require.Subset(t, hooks["sunoapi"].Providers, []string{"sunoapi", "sunoapi.org", ""}, "rows without a provider are the default one's")
	require.Subset(t, hooks["kie"].Providers, []string{"kie", "kie.ai"})
	require.NotContains(t, hooks["kie"].Providers, "")
	require.Error(t, hooks["kie"].Verify(http.Header{}, "task", time.Now()))
	require.Nil(t, hooks["acedata"].Verify)
	require.Nil(t, hooks["sunoapi"].Verify)
}

// asks sends a request as a user; bearer "" sends no token.
func (r *running) asks(t *testing.T, method, path, bearer, body string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.addr+path, strings.NewReader(body))
	require.NoError(t, err)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Origin", "https://app.example")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(raw)
}

// TestAPIBeforeTheDatabase: requests that come too early are answered with 503 and
// Retry-After.
func TestAPIBeforeTheDatabase(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.DatabaseURL = "postgres://user:hunter2@" + freeAddr(t) + "/app"
	cfg.ListenAddr = freeAddr(t)
	cfg.API.JWTSecret = jwtSecret
	r := b.launch(cfg)
	b.until("it listens", func() bool { status, _ := r.get("/healthz"); return status == http.StatusOK })
	for _, path := range []string{"/api/music/v2/sync", "/api/music/v2/sync/events", "/openapi.json", "/docs", "/nothing"} {
		resp, body := r.asks(t, http.MethodGet, path, "", "")
		require.Equal(t, http.StatusServiceUnavailable, resp.StatusCode, path)
		require.Equal(t, "application/problem+json", resp.Header.Get("Content-Type"))
		require.Equal(t, "5", resp.Header.Get("Retry-After"))
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		require.NotContains(t, body, "hunter2")
	}
	require.False(t, r.ready())
}

// TestAPIWithoutConfiguration: the answer says what to set.
func TestAPIWithoutConfiguration(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	for _, path := range []string{"/api/music/v2/sync", "/api/music/v2/sync/events/ticket"} {
		resp, body := r.asks(t, http.MethodPost, path, "", "")
		require.Equal(t, http.StatusNotImplemented, resp.StatusCode)
		require.Contains(t, body, "TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL")
	}
	resp, body := r.asks(t, http.MethodPost, "/webhooks/sunoapi/"+webhookTest, "", "{}")
	require.Equal(t, http.StatusNotImplemented, resp.StatusCode)
	require.Contains(t, body, "TASKSYNC_WEBHOOK_TOKEN")
	require.Empty(t, resp.Header.Get("Access-Control-Allow-Origin"), "CORS is off")
	for _, path := range []string{"/openapi.json", "/docs", "/metrics", "/healthz"} {
		status, _ := r.get(path)
		require.Equal(t, http.StatusOK, status, path)
	}
}

// TestAPIOfTheDaemon: each setting has its effect.
func TestAPIOfTheDaemon(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.config()
	cfg.API = API{
		JWTSecret: jwtSecret, JWTIssuer: "https://issuer.example", JWTAudience: "music",
		CORSOrigins: []string{"https://app.example"}, WebhookTokens: []string{webhookTest},
	}
	r := b.run(cfg)
	token := func(iss, aud string) string {
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": userOfTheAPI, "iss": iss, "aud": aud, "exp": time.Now().Add(time.Hour).Unix(),
		}).SignedString([]byte(jwtSecret))
		require.NoError(t, err)
		return signed
	}
	good := token("https://issuer.example", "music")
	resp, body := r.asks(t, http.MethodPost, "/api/music/v2/sync", good, "{}")
	require.Equal(t, http.StatusOK, resp.StatusCode, body)
	require.JSONEq(t, `{"generations":[],"syncedCount":0,"has_more":false}`, body)
	require.Equal(t, "https://app.example", resp.Header.Get("Access-Control-Allow-Origin"))
	for _, bad := range []string{token("https://other.example", "music"), token("https://issuer.example", "authenticated"), ""} {
		resp, _ = r.asks(t, http.MethodGet, "/api/music/v2/sync", bad, "")
		require.Equal(t, http.StatusUnauthorized, resp.StatusCode)
	}
	resp, _ = r.asks(t, http.MethodPost, "/webhooks/sunoapi/"+webhookTest, "", `{"data":{"task_id":"unknown"}}`)
	require.Equal(t, http.StatusOK, resp.StatusCode)
	_, metrics := r.get("/metrics")
	require.Contains(t, metrics, `tasksync_http_requests_total{code="200",route="POST /api/music/v2/sync"} 1`)
	require.Contains(t, metrics, `tasksync_webhooks_total{provider="sunoapi",result="accepted"} 1`)
	for _, secret := range []string{jwtSecret, webhookTest, good} {
		require.NotContains(t, b.log.String(), secret)
		require.NotContains(t, metrics, secret)
	}
}

// TestEventsAreAnnounced: a daemon without an HTTP API announces what it commits, for
// the streams of other daemons.
func TestEventsAreAnnounced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.run(b.config())
	ear, err := pgx.Connect(t.Context(), b.database)
	require.NoError(t, err)
	defer ear.Close(context.Background())
	_, err = ear.Exec(t.Context(), `LISTEN tasksync_events`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = ear.Exec(ctx, `SELECT pg_advisory_lock_shared(8386110886476607079)`)
	require.NoError(t, err)
	b.submit()
	n, err := ear.WaitForNotification(ctx)
	require.NoError(t, err)
	require.Equal(t, "tasksync_events", n.Channel)
}

// TestHalfOpenRequests: a connection that does not finish the head of its request is
// cut, and others are served meanwhile.
func TestHalfOpenRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.run(b.config())
	var conns []net.Conn
	for range 50 {
		conn, err := net.Dial("tcp", r.addr)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "))
		require.NoError(t, err)
		conns = append(conns, conn)
	}
	for range 10 {
		status, _ := r.get("/healthz")
		require.Equal(t, http.StatusOK, status)
	}
	for _, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute)))
		var said bytes.Buffer
		_, err := said.ReadFrom(conn)
		var late net.Error
		require.False(t, errors.As(err, &late) && late.Timeout(), "it is not cut")
		require.NotContains(t, said.String(), "200 OK")
	}
}
