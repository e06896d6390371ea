import { describe, expect, it } from 'vitest';
import { Emitter } from '../../src/observe/emitter.ts';

interface Events {
  'cow:moved': { readonly to: string };
  'cow:slept': number;
}

function emitter() {
  const errors: (readonly [string, unknown])[] = [];
  return { events: new Emitter<Events>((name, error) => errors.push([name, error])), errors };
}

describe('an emitter', () => {
  it('tells listeners in the order in which they came, and only of their event', () => {
    const { events } = emitter();
    const heard: string[] = [];
    events.on('cow:moved', ({ to }) => heard.push(`first ${to}`));
    events.on('cow:moved', ({ to }) => heard.push(`second ${to}`));
    events.on('cow:slept', (hours) => heard.push(`slept ${hours}`));
    events.emit('cow:moved', { to: 'north' });
    expect(heard).toEqual(['first north', 'second north']);
  });

  it('forgets a listener that was taken off, also twice', () => {
    const { events } = emitter();
    const heard: number[] = [];
    const off = events.on('cow:slept', (hours) => heard.push(hours));
    expect(events.has('cow:slept')).toBe(true);
    events.emit('cow:slept', 1);
    off();
    off();
    events.emit('cow:slept', 2);
    expect(heard).toEqual([1]);
    expect(events.has('cow:slept')).toBe(false);
    expect(events.has('cow:moved')).toBe(false);
  });

  it('tells a listener once that asked for once, also when it causes the event itself', () => {
    const { events } = emitter();
    let heard = 0;
    events.on(
      'cow:slept',
      () => {
        heard++;
        if (heard < 10) events.emit('cow:slept', heard);
      },
      { once: true },
    );
    events.emit('cow:slept', 0);
    expect(heard).toBe(1);
    expect(events.has('cow:slept')).toBe(false);
  });

  it('lets a signal end a subscription, or keep it from beginning', () => {
    const { events } = emitter();
    const controller = new AbortController();
    const heard: number[] = [];
    events.on('cow:slept', (hours) => heard.push(hours), { signal: controller.signal });
    events.emit('cow:slept', 1);
    controller.abort();
    events.emit('cow:slept', 2);
    events.on('cow:slept', (hours) => heard.push(hours), { signal: controller.signal });
    events.emit('cow:slept', 3);
    expect(heard).toEqual([1]);
    expect(events.has('cow:slept')).toBe(false);
  });

  it('takes one function twice for two listeners', () => {
    const { events } = emitter();
    let heard = 0;
    const fn = () => {
      heard++;
    };
    const off = events.on('cow:slept', fn);
    events.on('cow:slept', fn);
    events.emit('cow:slept', 1);
    off();
    events.emit('cow:slept', 1);
    expect(heard).toBe(3);
  });

  it('says nothing to a listener that was taken off by one before it', () => {
    const { events } = emitter();
    const heard: string[] = [];
    events.on('cow:slept', () => off());
    const off = events.on('cow:slept', () => heard.push('taken off'));
    events.emit('cow:slept', 1);
    expect(heard).toEqual([]);
  });

  it('says nothing of the present event to a listener that came with it', () => {
    const { events } = emitter();
    const heard: string[] = [];
    events.on('cow:slept', () => events.on('cow:slept', () => heard.push('late')), { once: true });
    events.emit('cow:slept', 1);
    expect(heard).toEqual([]);
  });

  it('is not hurt by a listener that throws, and says who did', () => {
    const { events, errors } = emitter();
    const heard: number[] = [];
    const error = new Error('in the listener');
    events.on('cow:slept', () => {
      throw error;
    });
    events.on('cow:slept', (hours) => heard.push(hours));
    events.emit('cow:slept', 7);
    expect(heard).toEqual([7]);
    expect(errors).toEqual([['cow:slept', error]]);
  });

  it('is not hurt by a listener that rejects', async () => {
    const { events, errors } = emitter();
    const error = new Error('in the listener, later');
    events.on('cow:slept', async () => {
      await Promise.resolve();
      throw error;
    });
    events.emit('cow:slept', 7);
    await new Promise((resolve) => setImmediate(resolve));
    expect(errors).toEqual([['cow:slept', error]]);
  });

  it('is not hurt when even telling of the error throws', () => {
    const events = new Emitter<Events>(() => {
      throw new Error('the logger is broken');
    });
    const heard: number[] = [];
    events.on('cow:slept', () => {
      throw new Error('in the listener');
    });
    events.on('cow:slept', (hours) => heard.push(hours));
    events.emit('cow:slept', 7);
    expect(heard).toEqual([7]);
  });
});
