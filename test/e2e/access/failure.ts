/** What a client prints when something is refused: that is what people have to go by. */
import { CommandFailure } from '../clients/command.ts';

/** The message of a client that failed, command and all. Throws where it succeeded. */
export async function failure(action: Promise<unknown>): Promise<string> {
  try {
    await action;
  } catch (error) {
    if (error instanceof CommandFailure) return error.message;
    throw error;
  }
  throw new Error('it succeeded');
}
