package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports are below the ranges from which Linux (32768) and macOS (49152) choose the ports of outgoing
// connections. So the port stays free during a restart, and a client that reconnects meanwhile cannot
// get the very port as its own, which would connect it to itself.
const (
	minPort = 15000
	maxPort = 32000
)

func freePort() (int, error) {
	for range 100 {
		port := minPort + rand.IntN(maxPort-minPort)
		if !portTaken(port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port on 127.0.0.1 between %d and %d", minPort, maxPort)
}

func portTaken(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return true
	}
	l.Close()
	return false
}

// errPortTaken is returned when another process took the port after freePort and before Postgres.
var errPortTaken = errors.New("the port is taken")
