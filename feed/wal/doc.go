// Package wal reads new rows from the WAL.
package wal
