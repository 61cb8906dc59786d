/** How much of a certificate's life is left, and when that is little: `npm start` and the doctor say it of the same ones. Pure. */

export const DAY_MS = 86_400_000;
/** Renewers begin thirty days before the end, or at two thirds of a short life: who has not renewed by then has a fault. */
const SOON_MS = 14 * DAY_MS;
/** Of one that lives a week or so, this part of its life. */
const SOON_PART = 0.2;

export interface Life {
  readonly from: Date;
  readonly until: Date;
}

/** Less than nothing once it is over. */
export function leftMs({ until }: Life, now: Date): number {
  return until.getTime() - now.getTime();
}

export function endsSoon(life: Life, now: Date): boolean {
  return leftMs(life, now) < Math.min(SOON_MS, SOON_PART * (life.until.getTime() - life.from.getTime()));
}
