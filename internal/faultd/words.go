package faultd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Word is the numbered word that i stands for: w0001, w0002 and so on.
func Word(i int) string { return fmt.Sprintf("w%04d", i) }

// token is a word as an event has it: with the space in front of it, but for the first.
func token(i int) string {
	if i == 1 {
		return Word(i)
	}
	return " " + Word(i)
}

// WordsText is n numbered words: what an answer of n words says.
func WordsText(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		b.WriteString(token(i))
	}
	return b.String()
}

// Heard is what a text has of the numbered words.
type Heard struct {
	Count   int      // how many words, doubles too
	Last    int      // the highest number
	Lost    []int    // numbers below Last that are not there
	Doubled []int    // numbers that are there more than once
	Early   []int    // numbers that come in front of a lower one
	Junk    []string // what is no word, a torn one too
}

// Hear takes a text apart.
func Hear(text string) Heard {
	var h Heard
	times := map[int]int{}
	var order []int
	for _, f := range strings.Fields(text) {
		n, err := strconv.Atoi(strings.TrimPrefix(f, "w"))
		if err != nil || n < 1 || Word(n) != f {
			h.Junk = append(h.Junk, f)
			continue
		}
		h.Count++
		h.Last = max(h.Last, n)
		if times[n]++; times[n] == 1 {
			order = append(order, n)
		}
	}
	lowest := h.Last + 1
	early := map[int]bool{}
	for i := len(order) - 1; i >= 0; i-- {
		early[order[i]] = order[i] > lowest
		lowest = min(lowest, order[i])
	}
	for i := 1; i <= h.Last; i++ {
		switch {
		case times[i] == 0:
			h.Lost = append(h.Lost, i)
		case times[i] > 1:
			h.Doubled = append(h.Doubled, i)
		}
		if early[i] {
			h.Early = append(h.Early, i)
		}
	}
	return h
}

// CheckWords is nil if text is the first n numbered words as they were sent, spaces included. Otherwise it says what
// is lost, doubled or out of order.
func CheckWords(text string, n int) error {
	if text == WordsText(n) {
		return nil
	}
	h := Hear(text)
	var wrong []string
	add := func(what string, numbers []int) {
		if len(numbers) > 8 {
			wrong = append(wrong, fmt.Sprintf("%s %d and %d more", what, numbers[:8], len(numbers)-8))
		} else if len(numbers) > 0 {
			wrong = append(wrong, fmt.Sprintf("%s %d", what, numbers))
		}
	}
	if h.Last != n {
		wrong = append(wrong, fmt.Sprintf("ends with %d of %d", h.Last, n))
	}
	add("lost", h.Lost)
	add("doubled", h.Doubled)
	add("too early", h.Early)
	if len(h.Junk) > 0 {
		wrong = append(wrong, fmt.Sprintf("no words: %.100q", h.Junk))
	}
	if wrong == nil {
		return errors.New("the words are right, the spaces between them are not")
	}
	return errors.New("words: " + strings.Join(wrong, "; "))
}
