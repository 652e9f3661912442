import { expect, test } from 'vitest';
import { Turns } from './turns.js';

test('turns are given in the order of their coming, so many at a time', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const begin = async (number: number) => {
    const end = await turns.begin();
    begun.push(number);
    return end;
  };
  const [first, second, third, fourth] = [begin(1), begin(2), begin(3), begin(4)];
  const endSecond = await second;
  await first;
  expect(begun).toEqual([1, 2]);

  endSecond();
  endSecond();
  await third;
  await Promise.resolve();
  expect(begun).toEqual([1, 2, 3]);

  (await first)();
  await fourth;
  expect(begun).toEqual([1, 2, 3, 4]);
});
