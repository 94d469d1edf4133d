package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tasksync/internal/postgres/postgrestest"
)

// TestUnsolicitedAnswerIsNotQuoted has an upstream that sends more than one response:
// net/http writes the beginning of the second one to the standard log.
func TestUnsolicitedAnswerIsNotQuoted(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go answerTooMuch(conn)
		}
	}()

	url := postgrestest.URL(t)
	p := start(t, map[string]string{
		"DATABASE_URL": url, "TASKSYNC_API_URL": "http://" + listener.Addr().String(), "TASKSYNC_API_KEY": "key-of-the-test", "TASKSYNC_LISTEN_ADDR": "127.0.0.1:0",
	}, "run")
	p.ready(t)
	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close(t.Context()) })
	_, err = db.Exec(t.Context(), `INSERT INTO music_generations (user_id, task_id, task_type, status) VALUES (gen_random_uuid(), 'T1', 'generate', 'submitted')`)
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		return strings.Contains(p.output(), `"msg":"[TaskSync] A library wrote to the standard log","line":"Unsolicited response`)
	}, time.Minute, 10*time.Millisecond)
	require.NotContains(t, p.output(), "walking")
}

// answerTooMuch answers each request with a record, and sends a second body after it.
func answerTooMuch(conn net.Conn) {
	defer conn.Close()
	requests := bufio.NewReader(conn)
	for {
		if _, err := http.ReadRequest(requests); err != nil {
			return
		}
		const body = `{"code":200,"msg":"success","data":{"taskId":"T1","status":"PENDING"}}`
		fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s%s", len(body), body, `{"prompt":"walking home"}`)
	}
}
