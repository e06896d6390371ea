// pgx with its list of hosts as a peer (see ../README.md).
//
// As its documentation says: a pgxpool, the URL of all nodes with target_session_attrs, contexts with a deadline for each call and for each answer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	write    = "insert into bench_write (id) values ($1) returning inet_server_port()"
	selected = "select id, n, label from bench where id = $1"
	update   = "update bench set n = n + 1 where id = $1"
	rows     = 10_000
	// Load runs for so long before anything counts, and the callers have spread out.
	ramp = 100 * time.Millisecond
	// Limits: of a call, which may have to wait for a connection, and of an answer.
	callLimit   = 10 * time.Second
	answerLimit = 2 * time.Second
)

type peer struct {
	pool    *pgxpool.Pool
	mutex   sync.Mutex
	updates int
}

func (p *peer) tell(words ...any) {
	line := fmt.Sprintln(words...)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	os.Stdout.WriteString(line)
}

func (p *peer) write(number string) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	id, err := strconv.Atoi(number)
	if err != nil {
		p.tell("closed", number, err)
		return
	}
	connection, err := p.pool.Acquire(ctx)
	if err != nil {
		p.tell("closed", number, oneLine(err))
		return
	}
	defer connection.Release()
	ctx, cancelAnswer := context.WithTimeout(ctx, answerLimit)
	defer cancelAnswer()
	var port int
	err = connection.QueryRow(ctx, write, id).Scan(&port)
	switch {
	case err == nil:
		p.tell("ok", number, port)
	case leavesOpen(err):
		p.tell("open", number, oneLine(err))
	default:
		p.tell("closed", number, oneLine(err))
	}
}

// A reply of the server is certain, and so is what pgx says was never sent.
func leavesOpen(err error) bool {
	var answer *pgconn.PgError
	return !errors.As(err, &answer) && !pgconn.SafeToRetry(err)
}

func oneLine(err error) string {
	return strings.ReplaceAll(err.Error(), "\n", " ")
}

type sample struct {
	PerSecond float64 `json:"perSecond"`
	P95Ms     float64 `json:"p95Ms"`
	P99Ms     float64 `json:"p99Ms"`
	ClientUs  float64 `json:"clientUs"`
	Updates   int     `json:"updates"`
}

func (p *peer) slice(number, work, callers, seconds string) {
	count, _ := strconv.Atoi(callers)
	length, _ := strconv.ParseFloat(seconds, 64)
	found, err := p.measure(work, count, length)
	if err != nil {
		p.tell("failed", number, oneLine(err))
		return
	}
	text, _ := json.Marshal(found)
	p.tell("slice", number, string(text))
}

func (p *peer) measure(work string, callers int, seconds float64) (sample, error) {
	begin := time.Now().Add(ramp)
	end := begin.Add(time.Duration(seconds * float64(time.Second)))
	before := processorTime()
	all := make([][]float64, callers)
	done := make([]int, callers)
	failures := make([]error, callers)
	var group sync.WaitGroup
	for index := range all {
		group.Add(1)
		go func(index int) {
			defer group.Done()
			random := rand.New(rand.NewSource(time.Now().UnixNano() + int64(index)))
			for {
				begun := time.Now()
				if !begun.Before(end) {
					return
				}
				if failures[index] = p.statement(work, 1+random.Intn(rows)); failures[index] != nil {
					return
				}
				ended := time.Now()
				done[index]++
				if !ended.Before(begin) && ended.Before(end) {
					all[index] = append(all[index], float64(ended.Sub(begun).Microseconds())/1000)
				}
			}
		}(index)
	}
	group.Wait()
	busy := processorTime() - before
	total := 0
	times := []float64{}
	for index := range all {
		if failures[index] != nil {
			return sample{}, failures[index]
		}
		total += done[index]
		times = append(times, all[index]...)
	}
	if work == "update" {
		p.updates += total
	}
	sort.Float64s(times)
	clientUs := float64(busy.Microseconds()) / math.Max(1, float64(total))
	perSecond := float64(len(times)) / seconds
	return sample{perSecond, percentile(times, 0.95), percentile(times, 0.99), clientUs, p.updates}, nil
}

func (p *peer) statement(work string, id int) error {
	ctx := context.Background()
	if work == "update" {
		_, err := p.pool.Exec(ctx, update, id)
		return err
	}
	var found, n int
	var label string
	return p.pool.QueryRow(ctx, selected, id).Scan(&found, &n, &label)
}

func percentile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Max(0, math.Ceil(float64(len(sorted))*share)-1))]
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func main() {
	url := os.Args[1] + "?target_session_attrs=read-write&connect_timeout=1&pool_max_conns=10"
	configuration, err := pgxpool.ParseConfig(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pool, err := pgxpool.ConnectConfig(context.Background(), configuration)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	p := &peer{pool: pool}
	p.tell("hello", os.Args[2])
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 2 && words[0] == "write":
			go p.write(words[1])
		case len(words) == 5 && words[0] == "slice":
			go p.slice(words[1], words[2], words[3], words[4])
		}
	}
}
